"use strict";
// The pages work without this: it only makes them quicker to use.

// The app opens this page with a code behind #, which browsers send to nobody. It is taken out of the address at once.
// The person presses the button: a link that somebody else has sent signs nobody in by itself.
const code = new URLSearchParams(location.hash.slice(1)).get("code");
const signin = document.getElementById("signin");
if (code) {
	history.replaceState(null, "", location.pathname);
	if (signin) {
		document.getElementById("code").value = code;
		document.getElementById("filled").hidden = false;
		signin.querySelector("button").focus({ focusVisible: true });
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

// What was done is said once: not again when the page is loaded anew. What has the keyboard now has it read out.
const notice = document.getElementById("notice");
if (notice) {
	const here = new URL(location);
	here.searchParams.delete("done");
	history.replaceState(null, "", here);
	const next = document.getElementById(here.hash.slice(1)) || document.getElementById("main");
	next.setAttribute("aria-describedby", "notice");
	next.focus({ focusVisible: true });
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
			if (!document.execCommand("copy")) {
				button.textContent = "Press Ctrl+C";
				return;
			}
		}
		button.textContent = "Copied";
	});
}
for (const field of document.querySelectorAll("input[readonly], [popover] input[name=title]")) {
	field.addEventListener("focus", () => field.select());
}
// A question that the keyboard has left is not in the way of what it went to.
for (const ask of document.querySelectorAll("[popover]")) {
	ask.addEventListener("focusout", (event) => {
		if (event.relatedTarget && !ask.contains(event.relatedTarget)) {
			ask.hidePopover();
		}
	});
}

// Keys on the list: / searches, the arrows go from clip to clip, F2 and Delete are for the clip, as in the app.
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
	const ask = { F2: "rename-", Delete: "delete-" }[event.key];
	if (ask && at.matches("a.clip")) {
		const button = at.closest("li").querySelector(`[popovertarget^=${ask}]`);
		if (button) {
			event.preventDefault();
			button.click();
		}
		return;
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
