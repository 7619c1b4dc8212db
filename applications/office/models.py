"""Suppliers, with what strangers write about themselves, and orders."""

from django.db import models


class Supplier(models.Model):
    name = models.CharField(max_length=80)
    email = models.EmailField()
    iban = models.CharField(max_length=40)
    credit_limit = models.IntegerField()
    self_description = models.TextField(blank=True, help_text="Written by the supplier.")

    class Meta:
        app_label = "office"

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    title = models.CharField(max_length=80)
    supplier = models.ForeignKey(Supplier, on_delete=models.CASCADE)
    amount = models.IntegerField()
    status = models.CharField(max_length=10, choices=[(one, one) for one in ("open", "approved", "paid")])

    class Meta:
        app_label = "office"

    def __str__(self) -> str:
        return self.title
