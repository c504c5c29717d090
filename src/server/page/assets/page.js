// Keeps a page that is open up to date. Everything on it works without this script.
(() => {
    "use strict";

    // The least time between two looks, and the time between two where there is no stream of changes.
    const PAUSE = 2000;
    const SLOW_PAUSE = 15000;
    // For so long what ends is collected, to be said to screen readers together.
    const SAY_PAUSE = 1000;
    const MAX_SEEN = 2000;

    const said = document.getElementById("said");
    const live = document.getElementById("live");
    const seen = new Map();
    const ended = new Map();
    let timer = 0;
    let dueAt = Infinity;
    let lastLook = 0;
    let isLooking = false;
    let sayTimer = 0;

    const sections = () => document.querySelectorAll("[data-live]");

    // Plans a look at the server after so many milliseconds, unless one is planned sooner.
    const plan = (pause) => {
        const at = Math.max(Date.now() + pause, lastLook + PAUSE);
        if (at >= dueAt || sections().length === 0) return;
        clearTimeout(timer);
        dueAt = at;
        timer = setTimeout(look, at - Date.now());
    };

    const look = async () => {
        dueAt = Infinity;
        // Nobody sees it: the look is made up for when somebody does.
        if (document.hidden) return;
        if (isLooking) return plan(PAUSE);
        isLooking = true;
        lastLook = Date.now();
        try {
            const answer = await fetch(location.href, { redirect: "manual", cache: "no-store" });
            // Signed out, elsewhere or by time: the page says so itself.
            if (answer.type === "opaqueredirect") return location.reload();
            if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
        } catch {
            // The server is away for a moment.
        } finally {
            isLooking = false;
        }
        planNext();
    };

    const planNext = () => {
        if (document.querySelector("[data-again]")) plan(PAUSE);
        if (!stream || stream.readyState === EventSource.CLOSED) plan(SLOW_PAUSE);
    };

    // Takes over what has changed, section by section.
    const take = (fresh) => {
        if (!fresh.querySelector("[data-live]")) return location.reload();
        for (const section of sections()) {
            const name = CSS.escape(section.dataset.live);
            const other = fresh.querySelector(`[data-live="${name}"]`);
            if (!other || other.innerHTML === section.dataset.last) continue;
            if (!section.dataset.last && other.innerHTML === section.innerHTML) continue;
            section.dataset.last = other.innerHTML;
            replace(section, other);
        }
    };

    // The keyboard's focus and what was opened stay.
    const replace = (section, other) => {
        const places = "a, button, input, select, summary, [tabindex]";
        const focused = section.contains(document.activeElement) ? document.activeElement : null;
        const job = focused?.closest("[data-job]")?.dataset.job;
        const index = focused ? [...section.querySelectorAll(places)].indexOf(focused) : -1;
        const kind = focused?.tagName;
        const open = [...section.querySelectorAll("details")].map((it) => it.open);
        if ("again" in other.dataset) section.dataset.again = "yes";
        else delete section.dataset.again;
        section.replaceChildren(...document.adoptNode(other).childNodes);
        section.querySelectorAll("details").forEach((it, place) => { it.open = open[place] ?? it.open; });
        if (!focused) return;
        const sameJob = job && section.querySelector(`[data-job="${CSS.escape(job)}"] ${kind}`);
        (sameJob || section.querySelectorAll(places)[index] || document.getElementById("content")).focus();
    };

    const change = ({ job, state, stage, percent }) => {
        const items = document.querySelectorAll(`[data-job="${CSS.escape(job)}"]`);
        const before = items[0]?.dataset.state ?? seen.get(job);
        if (seen.size > MAX_SEEN) seen.clear();
        seen.set(job, state);
        if (before !== state) {
            if (state === "ready" || state === "failed") say(state);
            return plan(250);
        }
        if (percent === undefined) return;
        for (const item of items) {
            const bar = item.querySelector("progress");
            const words = item.querySelector(".stage");
            if (bar) bar.value = percent;
            if (words) words.textContent = `${stage ?? "under way"} · ${percent} %`;
        }
    };

    // Says what came to an end, together.
    const say = (state) => {
        ended.set(state, (ended.get(state) ?? 0) + 1);
        if (sayTimer) return;
        sayTimer = setTimeout(() => {
            sayTimer = 0;
            const parts = [...ended].map(([state, count]) => `${count} ${count === 1 ? "delta" : "deltas"} ${state}`);
            ended.clear();
            if (said) said.textContent = parts.join(", ");
        }, SAY_PAUSE);
    };

    let stream = null;
    const listen = () => {
        stream = new EventSource("/changes");
        stream.addEventListener("job", (event) => change(JSON.parse(event.data)));
        stream.addEventListener("gap", () => plan(250));
        stream.addEventListener("open", () => {
            if (live) live.textContent = "live";
            // What happened while there was no stream.
            if (Date.now() - started > PAUSE) plan(250);
        });
        stream.addEventListener("error", () => {
            if (live) live.textContent = "looks now and then";
            if (stream.readyState === EventSource.CLOSED) {
                plan(PAUSE);
                setTimeout(listen, 4 * SLOW_PAUSE);
            }
        });
    };

    const started = Date.now();
    if (sections().length > 0) {
        document.addEventListener("visibilitychange", () => { if (!document.hidden) plan(0); });
        // A page that is left needs no stream: HTTP/1.1 has few connections.
        addEventListener("pagehide", () => stream?.close());
        addEventListener("pageshow", (event) => { if (event.persisted) { listen(); plan(0); } });
        listen();
        planNext();
    }
})();
