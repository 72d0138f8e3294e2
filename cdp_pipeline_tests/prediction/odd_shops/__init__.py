"""Small and odd businesses, from their exports to the release."""
