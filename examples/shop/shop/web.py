"""The web process: a page with the products, what was ordered and what became of it."""

import os
import sqlite3

from flask import Flask, Response, flash, g, redirect, render_template, request, url_for

from shop import database

RELEASE = os.environ.get("DEPLOY_RELEASE", "development")
TITLE = "The shop"

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
app.config.update(SESSION_COOKIE_SAMESITE="Strict", SESSION_COOKIE_HTTPONLY=True, MAX_CONTENT_LENGTH=16_384)
app.config["GREETING"] = os.environ.get("GREETING", "")


@app.get("/up")
def up() -> Response:
    """Whether this process can do its work: it says its release, after a look into the database."""
    products()
    return Response(f"ok {RELEASE}\n", mimetype="text/plain")


@app.get("/")
def home() -> str:
    """The page."""
    return render_template("home.html", title=TITLE, release=RELEASE, products=products(), orders=last_orders())


@app.post("/orders")
def order() -> Response:
    """Queue an order; the worker sends it."""
    customer = request.form.get("customer", "").strip()[:80]
    product = request.form.get("product", "")
    known = connection().execute("SELECT id FROM products WHERE id = ?", (product,)).fetchone()
    if not customer or known is None:
        flash("Please choose a product and say who you are.")
        return redirect(url_for("home"), code=303)
    number = (
        connection()
        .execute("INSERT INTO orders (product, customer) VALUES (?, ?)", (known["id"], customer))
        .lastrowid
    )
    print(f"order {number} queued", flush=True)
    flash(f"Thank you, {customer}. Your order has number {number}.")
    return redirect(url_for("home"), code=303)


def connection() -> sqlite3.Connection:
    """This request's connection."""
    if "connection" not in g:
        g.connection = database.connect()
    return g.connection


@app.teardown_appcontext
def close(_error: BaseException | None) -> None:
    """The request is over, its connection too."""
    if "connection" in g:
        g.connection.close()


def products() -> list[sqlite3.Row]:
    """The products, by name."""
    return connection().execute("SELECT id, name, cents FROM products ORDER BY name").fetchall()


def last_orders() -> list[sqlite3.Row]:
    """The last ten orders, the newest first."""
    return (
        connection()
        .execute(
            "SELECT orders.id, name, customer, state, sent_by FROM orders JOIN products ON products.id = product"
            " ORDER BY orders.id DESC LIMIT 10"
        )
        .fetchall()
    )
