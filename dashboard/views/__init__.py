"""The pages, one file each; `dashboard.app.PAGES` lists them."""
