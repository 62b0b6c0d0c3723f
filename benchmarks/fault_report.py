"""What came of `benchmarks.faults`: by the database, and by what the hosts wrote into logs."""

from __future__ import annotations

import json
from datetime import datetime

from tools.live_project import LiveProject

from .fault_hosts import Host

Excused = dict[str, list[tuple[float, float]]]  # by host: from when to when a restart is due

FIGURES = {
    "products": "SELECT count(*) FROM moderation_product",
    "of these with exactly one analysis, done and current": """
        SELECT count(*) FROM moderation_product p JOIN moderation_analysis a ON a.id = p.analysis_id
        WHERE a.status = 'done' AND NOT EXISTS (
            SELECT 1 FROM moderation_analysis b WHERE b.product_id = p.id AND b.id <> a.id)""",
    "analyses that failed": "SELECT count(*) FROM moderation_analysis WHERE status = 'failed'",
    "analyses of more than one attempt": """
        SELECT count(*) FROM moderation_analysis WHERE attempts > 1""",
    "products flagged": "SELECT count(*) FROM moderation_analysis WHERE is_mismatch",
    "items of the queue": "SELECT count(*) FROM moderation_reviewitem",
    "products in it": "SELECT count(DISTINCT product_id) FROM moderation_reviewitem",
    "hosts with a heartbeat of this minute": """
        SELECT count(DISTINCT split_part(worker, '/', 1)) FROM moderation_heartbeat
        WHERE heartbeat_at > now() - interval '60 seconds'""",
}


def figures(project: LiveProject) -> str:
    """Nothing lost, nothing doubled: each line a count."""
    return "\n".join(f"{what}: {project.rows(sql)[0][0]}" for what, sql in FIGURES.items())


def of_hosts(hosts: list[Host], *, excused: Excused) -> str:
    """Which clusters were restarted, of these without need, and what else went wrong."""
    restarts = [(host, line) for host in hosts for line in _lines(host) if _is_restart(line)]
    needless = [(host, line) for host, line in restarts if not _is_due(host, line, excused)]
    tracebacks = sum(host.log.read_text(errors="replace").count("Traceback") for host in hosts)
    return "\n".join(
        [
            f"clusters restarted: {len(restarts)}, of these without need: {len(needless)}",
            *(f"  {host.name} {line['time']}: {line['message']}" for host, line in needless),
            f"supervisors that ended: {sum(host.process.poll() is not None for host in hosts)}",
            f"tracebacks in the logs: {tracebacks}",
        ]
    )


def _lines(host: Host) -> list[dict[str, str]]:
    lines = host.log.read_text(errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def _is_restart(line: dict[str, str]) -> bool:
    return line["message"].endswith(("is restarted", "is started again"))


def _is_due(host: Host, line: dict[str, str], excused: Excused) -> bool:
    at = datetime.fromisoformat(line["time"]).timestamp()
    return any(first <= at <= last for first, last in excused.get(host.name, []))
