"use strict";
// The pages work without this: it only makes them quicker to use.

// The app opens this page with a code behind #, which browsers send to nobody. It is taken out of the address at once.
const code = new URLSearchParams(location.hash.slice(1)).get("code");
const signin = document.getElementById("signin");
if (code) {
	history.replaceState(null, "", location.pathname);
	if (signin) {
		document.getElementById("code").value = code;
		signin.requestSubmit();
	}
}

// Moments as people here write them.
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
for (const t of document.querySelectorAll("time[datetime]")) {
	t.title = t.textContent;
	t.textContent = format.format(new Date(t.dateTime));
}
for (const zone of document.getElementsByName("zone")) {
	zone.value = -new Date().getTimezoneOffset();
}

for (const button of document.querySelectorAll("[data-copy]")) {
	const field = document.getElementById(button.dataset.copy);
	button.hidden = false;
	button.focus();
	button.addEventListener("click", async () => {
		try {
			await navigator.clipboard.writeText(field.value);
		} catch { // without TLS browsers have no clipboard for pages
			field.select();
			document.execCommand("copy");
		}
		button.textContent = "Copied";
	});
}
for (const field of document.querySelectorAll("input[readonly]")) {
	field.addEventListener("focus", () => field.select());
}

// Keys on the list: / searches, the arrows go from clip to clip.
const search = document.getElementById("q");
const clips = [...document.querySelectorAll("a.clip")];
for (const hint of document.querySelectorAll(".keys")) {
	hint.hidden = !clips.length;
}
document.addEventListener("keydown", (event) => {
	const at = document.activeElement;
	if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || at.closest("[popover]")) {
		return;
	}
	const typing = at.matches("input, select, textarea, video");
	if (event.key === "/" && search && !typing) {
		event.preventDefault();
		search.focus();
		search.select();
	}
	const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
	if (!step || !clips.length || typing && at !== search) {
		return;
	}
	const row = at.closest(".clips li");
	if (!row && (at !== search && at !== document.body || step < 0)) {
		return;
	}
	const now = row ? clips.indexOf(row.querySelector("a.clip")) : -1;
	const next = clips[now + step];
	if (next || now + step < 0) {
		event.preventDefault();
		(next || search).focus();
		(next || search).scrollIntoView({ block: "nearest" });
	}
});
