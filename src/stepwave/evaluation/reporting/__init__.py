"""Figures for people: tables, Markdown, pictures, pages."""
