// The page: a list that grows at its top, by the events of one stream. What others wrote is only ever
// text here.
"use strict";

const LIST_MAX = 100;
const TOPICS_MAX = 12;
const SETTLED_MS = 400;

const root = document.documentElement;
const news = document.getElementById("news");
const topics = document.getElementById("topics");
const trouble = document.getElementById("trouble");
const refused = document.getElementById("refused");
const desk = document.getElementById("desk");

const seen = new Set();
const counts = new Map();
let chosen = null;
let opened = 0;

const state = {
  connecting: ["connecting", "Connecting to the page's server."],
  lost: ["reconnecting", "The page's server is away. Headlines that come meanwhile follow when it is back."],
  away: ["NATS is away", "NATS is away: nothing can be published or read until it is back. What is published elsewhere meanwhile is lost."],
  live: ["live", null],
};

function show() {
  const { stream, nats } = root.dataset;
  const is = stream !== "open" ? stream : nats === "away" ? "away" : nats === "connected" ? "live" : "connecting";
  const [text, explained] = state[is];
  document.getElementById("state-text").textContent = text;
  trouble.hidden = !explained || is === "connecting";
  trouble.textContent = explained ?? "";
  desk.querySelector("button").disabled = is !== "live";
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function fits(item) {
  return chosen === null || item.dataset.topic === chosen || item.classList.contains("missed");
}

function choose(topic) {
  chosen = topic === chosen ? null : topic;
  for (const item of news.children) item.hidden = !fits(item);
  showTopics();
}

function chip(topic, label, count) {
  const made = element("button", "chip", label);
  made.type = "button";
  made.setAttribute("aria-pressed", String(topic === chosen));
  made.append(element("b", "", count));
  made.addEventListener("click", () => choose(topic));
  return made;
}

function showTopics() {
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const most = [...counts].sort((one, other) => other[1] - one[1]).slice(0, TOPICS_MAX);
  const chips = most.sort((one, other) => one[0].localeCompare(other[0]));
  topics.replaceChildren(chip(null, "all", all), ...chips.map(([topic, count]) => chip(topic, topic, count)));
}

function add(item) {
  item.hidden = !fits(item);
  news.prepend(item);
  while (news.children.length > LIST_MAX) news.lastElementChild.remove();
  document.getElementById("nothing").hidden = true;
}

function headline({ topic, title, by, at }) {
  // What was there before the page has not just arrived.
  const item = element("li", performance.now() - opened > SETTLED_MS ? "new" : "", "");
  item.dataset.topic = topic;
  const text = element("span", "headline", title);
  if (by) text.append(element("span", "by", by));
  const time = element("time", "", new Date(at).toLocaleTimeString());
  time.dateTime = new Date(at).toISOString();
  item.append(element("span", "topic", topic), text, time);
  return item;
}

const stream = new EventSource("/events");

stream.addEventListener("open", () => {
  root.dataset.stream = "open";
  opened = performance.now();
  show();
});

// The browser comes back by itself, unless it was told to stay away.
stream.addEventListener("error", () => {
  root.dataset.stream = "lost";
  show();
  if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 3000);
});

stream.addEventListener("nats", (event) => {
  root.dataset.nats = event.data;
  show();
});

stream.addEventListener("news", (event) => {
  if (seen.has(event.lastEventId)) return;
  seen.add(event.lastEventId);
  if (seen.size > 10 * LIST_MAX) seen.delete(seen.values().next().value);
  const item = JSON.parse(event.data);
  counts.set(item.topic, (counts.get(item.topic) ?? 0) + 1);
  // Anybody may publish, to topics without end.
  if (counts.size > 10 * TOPICS_MAX) counts.delete(counts.keys().next().value);
  add(headline(item));
  showTopics();
});

stream.addEventListener("missed", (event) => {
  add(element("li", "missed", `${event.data} headlines went by faster than they could be shown`));
});

desk.addEventListener("submit", async (event) => {
  event.preventDefault();
  refused.hidden = true;
  const draft = { title: desk.elements.title.value, topic: desk.elements.topic.value, by: "you" };
  try {
    const answer = await fetch("/headlines", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(draft),
    });
    if (!answer.ok) throw new Error((await answer.json()).problem);
    desk.elements.title.value = "";
  } catch (error) {
    refused.textContent = `Not published: ${error.message}`;
    refused.hidden = false;
  }
});

show();
showTopics();
