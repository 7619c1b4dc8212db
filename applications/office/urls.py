"""Nothing but the admin."""

from django.contrib import admin
from django.urls import path

from office.models import Order, Supplier

admin.site.register(Supplier, list_display=("name", "email", "credit_limit"), ordering=("id",))
admin.site.register(Order, list_display=("title", "supplier", "amount", "status"), ordering=("id",))
urlpatterns = [path("admin/", admin.site.urls)]
