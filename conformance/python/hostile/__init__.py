"""Clients that mean harm, and what a healthy client beside them notices of it (it must be nothing)."""
