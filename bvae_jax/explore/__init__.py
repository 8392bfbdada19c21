"""explorer.html: a trained model in the browser, without a server."""
