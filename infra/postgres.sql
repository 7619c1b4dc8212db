-- Runs once, when the volume is empty; the database `dagster` is made by the image itself.
CREATE DATABASE mlflow;
