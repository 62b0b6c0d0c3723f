"""Who may do what: the one table that test_rights.py tries and docs/rights.md shows.

To add an address, give it a `Rule` in `SECTIONS`; to add a registered model, a `Table` in `TABLES`;
to add an admin action, a line in `ACTIONS`. test_rights.py says which of them is missing, and
`python -m tests.rights.docs` writes the document anew.
"""

from __future__ import annotations

from .roles import (
    ADMIN,
    APPEAL_READERS,
    APPELLANTS,
    BY_TOKEN,
    DECIDERS,
    EVERYBODY,
    KNOWN,
    LEADS,
    NOBODY,
    SENDERS,
    STAFF,
    TRAINERS,
    VIEWERS,
    Rule,
    Table,
    Who,
)

_ITEM = {"pk": "moderation.reviewitem"}
_VERSION = {"pk": "moderation.modelversion"}
_PRODUCT = {"product_id": "moderation.product.external_id"}

SECTIONS: dict[str, list[Rule]] = {
    "The review queue": [
        Rule(
            "Get the next item, or open one",
            "admin:queue admin:queue_item",
            "GET",
            DECIDERS,
            takes=_ITEM,
            get_writes="moderation_reviewitem",  # the claim: whoever looks at it holds it
        ),
        Rule(
            "Decide, skip, escalate or hold an item",
            "admin:queue_decide admin:queue_skip admin:queue_escalate admin:queue_hold",
            "POST",
            DECIDERS,
            takes=_ITEM,
        ),
        Rule(
            "Fetch items ahead, undo what one did last, leave the queue, choose one's keys",
            "admin:queue_ahead admin:queue_undo admin:queue_leave admin:queue_keys",
            "POST",
            DECIDERS,
        ),
        Rule(
            "Choose the category of a grid",
            "admin:queue_grid",
            "GET",
            DECIDERS,
            get_writes="moderation_reviewitem",  # what the last category held is given back
        ),
        Rule(
            "Decide a grid of items",
            "admin:queue_grid",
            "GET POST",
            DECIDERS,
            query="?category={moderation.category}",
            get_writes="moderation_reviewitem",
        ),
        Rule(
            "Hold or leave the items of a grid",
            "admin:queue_grid_hold admin:queue_grid_leave",
            "POST",
            DECIDERS,
        ),
        Rule("See the saved views of the queue", "admin:views", "GET", VIEWERS),
        Rule(
            "Save, rename, share and delete one's own views",
            "admin:view_save admin:view_rename admin:view_share admin:view_delete",
            "POST",
            VIEWERS,
            takes={"pk": "moderation.savedview"},
        ),
        Rule(
            "Work on what was escalated",
            "admin:queue",
            "GET",
            LEADS,
            query="?desk=leads",
            get_writes="moderation_reviewitem",
        ),
    ],
    "Figures and thresholds": [
        Rule("See the state of the queue", "admin:health", "GET", VIEWERS),
        Rule("See one's own figures; a lead, everybody's", "admin:team", "GET", VIEWERS),
        Rule(
            "See sellers and their listings",
            "admin:sellers admin:seller",
            "GET",
            VIEWERS,
            takes={"seller": "moderation.product.seller"},
        ),
        Rule("See the quality over time", "admin:quality", "GET", VIEWERS),
        Rule(
            "See thresholds and try targets",
            "admin:thresholds admin:thresholds_of",
            "GET",
            VIEWERS,
            takes=_VERSION,
        ),
        Rule(
            "Set thresholds, calibrate",
            "admin:thresholds_apply admin:thresholds_calibrate",
            "POST",
            LEADS,
            takes=_VERSION,
        ),
        Rule("Switch the automatic action", "admin:automatic_action", "POST", LEADS),
    ],
    "Appeals and webhooks": [
        Rule("Decide an appeal", "admin:moderation_appeal_decide", "POST", LEADS),
        Rule(
            "Test a webhook, give it a new secret",
            "admin:moderation_webhook_ping admin:moderation_webhook_rotate",
            "POST",
            LEADS,
        ),
    ],
    "Models and trainings": [
        Rule("Open the form for a training", "admin:moderation_trainingrun_new", "GET", TRAINERS),
        Rule(
            "Start, cancel and resume a training",
            "admin:moderation_trainingrun_new admin:moderation_trainingrun_improve "
            "admin:moderation_trainingrun_cancel admin:moderation_trainingrun_resume",
            "POST",
            TRAINERS,
        ),
        Rule(
            "Watch a training",
            "admin:moderation_trainingrun_progress",
            "GET",
            VIEWERS,
        ),
        Rule(
            "Evaluate, promote, roll back, score again, shadow",
            "admin:moderation_modelversion_evaluate admin:moderation_modelversion_promote "
            "admin:moderation_modelversion_rollback admin:moderation_modelversion_rescore "
            "admin:moderation_modelversion_shadow",
            "POST",
            LEADS,
        ),
    ],
    "The workers": [
        Rule("See the workers by host", "admin:workers", "GET", LEADS),
        Rule(
            "Pause and resume all work", "admin:workers_pause admin:workers_resume", "POST", LEADS
        ),
    ],
    "The catalogue": [
        Rule(
            "Import products from a file, change how it is read, save that by a name",
            "admin:moderation_product_import admin:moderation_product_import_mapping "
            "admin:moderation_product_import_photos admin:moderation_product_import_confirm",
            "GET POST",
            LEADS,
        ),
        Rule(
            "Have a source read now, answer what becomes of listings that are gone",
            "admin:moderation_cataloguesource_run admin:moderation_cataloguesource_answer",
            "POST",
            LEADS,
        ),
        Rule(
            "Change many categories in their list",
            "admin:moderation_category_changelist",
            "POST",
            LEADS,
            body={"_save": "Save"},
        ),
    ],
    "The admin itself": [
        Rule("See the start page", "admin:index", "GET POST", STAFF),
        Rule("Log in", "admin:login", "GET POST", EVERYBODY),
        Rule("Log out", "admin:logout", "POST", STAFF),
        Rule(
            "Change one's own password",
            "admin:password_change",
            "GET POST",
            STAFF,
        ),
        Rule("Be told that the password is changed", "admin:password_change_done", "GET", STAFF),
        Rule(
            "Change another's password",
            "admin:auth_user_password_change",
            "GET POST",
            ADMIN,
            takes={"id": "auth.user"},
        ),
        Rule("Load the words of the admin's scripts", "admin:jsi18n", "GET", STAFF),
        Rule(
            "Be told that there is no such page",
            "admin/(?P<url>.*)$ admin:view_on_site",
            "GET POST",
            STAFF,
            path="/admin/no/such/page",
            takes={"content_type_id": "=1", "object_id": "=1"},
            finds_nothing=True,
        ),
    ],
    "The API": [
        Rule("Ask whether the service is well", "clip-health", "GET", EVERYBODY),
        Rule(
            "Read the metrics: on this machine, or as METRICS_TOKEN and METRICS_ALLOW say",
            "metrics",
            "GET",
            EVERYBODY,
        ),
        Rule("Read the categories", "clip-categories", "GET", KNOWN, EVERYBODY, scope="read"),
        Rule(
            "Have photos judged or classified (nothing is stored)",
            "clip-classify clip-analyze clip-analyze-batch",
            "POST",
            KNOWN,
            EVERYBODY,
            scope="submit",
        ),
        Rule(
            "Read products and their analyses",
            "products product product-analyses",
            "GET",
            VIEWERS | BY_TOKEN | SENDERS,
            EVERYBODY,
            takes=_PRODUCT,
            scope="read",
        ),
        Rule(
            "Send products",
            "products products-bulk",
            "POST",
            SENDERS,
            SENDERS | {"anonymous"},
            scope="submit",
        ),
        Rule(
            "Withdraw a product",
            "product",
            "DELETE",
            SENDERS,
            SENDERS | {"anonymous"},
            takes=_PRODUCT,
            scope="submit",
        ),
        Rule(
            "Erase a product for good",
            "product-erase",
            "POST",
            ADMIN,
            takes=_PRODUCT,
            scope="submit",
        ),
        Rule(
            "Read reviews and decisions",
            "reviews review decisions",
            "GET",
            VIEWERS | BY_TOKEN,
            takes=_ITEM,
            scope="read",
        ),
        Rule(
            "Decide, skip and escalate a review, undo what one did last",
            "review-decide review-skip review-escalate review-undo",
            "POST",
            DECIDERS | BY_TOKEN,
            takes=_ITEM,
            scope="decide",
        ),
        Rule(
            "Read appeals",
            "appeals appeal",
            "GET",
            APPEAL_READERS,
            takes={"reference": "moderation.appeal.reference"},
            scope="read",
        ),
        Rule("File an appeal", "appeals", "POST", APPELLANTS, scope="submit"),
    ],
    "Open to everybody": [
        Rule("Come from / to the admin", "/", "GET POST", EVERYBODY),
        Rule("Read the API's description", "schema docs redoc", "GET", EVERYBODY),
        Rule("Load the script of the API's description", "redoc-script", "GET", EVERYBODY),
        # It does not ask for the method: what is sent to it is ignored.
        Rule(
            "Be told that there is no such address",
            r"^(?:clip|api)(?:/[\s\S]*)?$",
            "GET POST",
            EVERYBODY,
            path="/api/no/such/address",
            finds_nothing=True,
        ),
        Rule(
            "See a product's photo by its address",
            "media/<path:path>",
            "GET POST",
            EVERYBODY,
            takes={"path": "moderation.product.image"},
        ),
    ],
}

TABLES = [
    Table("moderation.product", "Products", VIEWERS, LEADS, LEADS),
    Table(
        *("moderation.category", "Categories", VIEWERS, LEADS, LEADS, ADMIN),
        example={"name": "Balls"},
    ),
    Table("moderation.productphoto", "Photos by their addresses", VIEWERS),
    Table(
        *("moderation.cataloguesource", "Sources", VIEWERS, LEADS, LEADS, LEADS),
        example={"name": "shop"},
    ),
    Table("moderation.analysis", "Analyses", VIEWERS),
    Table("moderation.reviewitem", "Review items", VIEWERS),
    Table("moderation.decision", "Decisions", VIEWERS),
    Table("moderation.modelversion", "Model versions", VIEWERS),
    Table("moderation.evaluation", "Evaluations", VIEWERS),
    Table("moderation.shadowreport", "Shadow reports", VIEWERS),
    Table("moderation.trainingrun", "Trainings", VIEWERS),
    Table("moderation.appeal", "Appeals", LEADS),
    Table("moderation.webhook", "Webhooks", LEADS, LEADS, LEADS),
    Table("moderation.delivery", "Deliveries to webhooks", LEADS),
    Table("auth.user", "Users", ADMIN, ADMIN, ADMIN, ADMIN),
    Table("auth.group", "Groups", ADMIN, ADMIN, ADMIN, ADMIN),
    Table("moderation.apitoken", "Tokens of the API", ADMIN, ADMIN, ADMIN, ADMIN),
    Table("django_q.success", "Finished tasks", ADMIN, NOBODY, ADMIN, ADMIN),
    Table("django_q.failure", "Failed tasks", ADMIN, NOBODY, ADMIN, ADMIN),
    Table("django_q.ormq", "Queued tasks", ADMIN, NOBODY, ADMIN, ADMIN),
]

# (model, action) -> what it does, and for whom; “delete_selected” goes by the model's `delete`.
ACTIONS: dict[tuple[str, str], tuple[str, Who]] = {
    ("moderation.product", "analyse_again"): ("Have products analysed again", TRAINERS),
    ("moderation.product", "export_labels"): ("Export the labels of products", TRAINERS),
    ("moderation.product", "withdraw"): ("Withdraw products", LEADS),
    ("moderation.product", "bring_back"): ("Bring back withdrawn products", LEADS),
    ("moderation.product", "erase"): ("Erase products for good", ADMIN),
    ("moderation.productphoto", "fetch_again"): ("Have photos fetched again", LEADS),
    ("moderation.productphoto", "export_csv"): ("Export what became of photos", VIEWERS),
    ("moderation.decision", "export_labels"): ("Export decisions as labels", TRAINERS),
    ("moderation.delivery", "send_again"): ("Send a message to a webhook again", LEADS),
    ("moderation.modelversion", "activate"): ("Activate a version past the gate", ADMIN),
    ("django_q.success", "resubmit_task"): ("Run a finished task again", ADMIN),
    ("django_q.failure", "resubmit_task"): ("Run a failed task again", ADMIN),
}
