#!/usr/bin/env python3
"""What an endpoint costs in tokens and in compile time: `python3 .ci/macro_budget.py`.

It writes crates with the same 100 endpoints, in 10 services of 10, with the same types: by
`#[service]`, and by hand on `ServiceBuilder`, each with a typed client and without. Once their
dependencies are built, `cargo check` of each is timed, one crate after the other in rounds, so that
whatever else the machine does concerns all of them alike. CPU seconds of cargo, rustc and the
macros are compared, since a busy machine stretches only the time on the clock. The crate `types`
has the types alone; what the endpoints cost is what is above it.

Where a nightly toolchain is installed, `-Zmacro-stats` says how much an endpoint expands to.

Budget: 60 lines and 3.5 kB an endpoint, client included; twice the time of the one by hand. It
prints, and judges nothing. `--rounds N` (default 7).
"""

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SERVICES = 10
ENDPOINTS = 10 * SERVICES
LINES_AT_MOST, BYTES_AT_MOST, RATIO_AT_MOST = 60, 3500, 2.0

# What both ways share. One module a service, as programs have it.
TYPES = """
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use micro::ServiceError;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item {
    pub article: u64,
    pub count: u32,
    pub note: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    pub id: u64,
    pub customer: String,
    pub items: Vec<Item>,
    pub paid: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    pub order: u64,
    pub total: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Filter {
    pub customer: Option<String>,
    pub paid: Option<bool>,
    pub limit: usize,
}

#[derive(Debug, ServiceError)]
#[service_error(code = 422)]
pub enum OrderError {
    #[service_error(code = 404)]
    NotFound { id: u64 },
    Empty,
    TooMany { limit: u32, found: u32 },
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { id } => write!(f, "no order {id}"),
            Self::Empty => f.write_str("the order is empty"),
            Self::TooMany { limit, found } => write!(f, "{found} items, {limit} at most"),
        }
    }
}

#[derive(Debug, Default)]
pub struct Shop {
    orders: Mutex<BTreeMap<u64, Order>>,
}

impl Shop {
    fn orders(&self) -> MutexGuard<'_, BTreeMap<u64, Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
"""

# Name, documentation, attributes, parameters, reply, body. `self` is the shop.
# A parameter is (kind, name, type, header); kinds are payload, placeholder, header, context.
PAYLOAD, PLACEHOLDER, HEADER, CONTEXT = "payload", "placeholder", "header", "context"
METHODS = [
    ("place", "Places an order.", {}, [(PAYLOAD, "order", "Order", None)], ("Receipt", "OrderError"),
     """if order.items.is_empty() {
            return Err(ERR[OrderError::Empty]);
        }
        let receipt = Receipt { order: order.id, total: 1.0 };
        SELF.orders().insert(order.id, order);
        Ok(OK[receipt])"""),
    ("fetch", "The order of a number.", {"subject": "fetch.{id}"},
     [(PLACEHOLDER, "id", "u64", None)], ("Order", "OrderError"),
     """match SELF.orders().get(&id) {
            Some(order) => Ok(OK[order.clone()]),
            None => Err(ERR[OrderError::NotFound { id }]),
        }"""),
    ("list", "Orders that pass a filter.", {"timeout": "2s"},
     [(PAYLOAD, "filter", "Filter", None)], ("Vec<Order>", None),
     """SELF.orders().values()
            .filter(|order| filter.paid.is_none_or(|paid| order.paid == paid))
            .take(filter.limit).cloned().collect()"""),
    ("cancel", "Cancels an order.", {"subject": "cancel.{id}"},
     [(PLACEHOLDER, "id", "u64", None), (HEADER, "reason", "Option<String>", "X-Reason")],
     ("()", "OrderError"),
     """match (SELF.orders().remove(&id), reason) {
            (Some(_), Some(_)) => Ok(OK[()]),
            _ => Err(ERR[OrderError::NotFound { id }]),
        }"""),
    ("add", "Adds an item to an order.", {"subject": "add.{id}", "concurrency": "8"},
     [(PLACEHOLDER, "id", "u64", None), (PAYLOAD, "item", "Item", None)], ("u32", "OrderError"),
     """let mut orders = SELF.orders();
        let order = orders.get_mut(&id).ok_or_else(|| ERR[OrderError::NotFound { id }])?;
        order.items.push(item);
        let found = order.items.iter().map(|item| item.count).sum();
        if found > 100 {
            return Err(ERR[OrderError::TooMany { limit: 100, found }]);
        }
        Ok(OK[found])"""),
    ("count", "How many orders there are.", {}, [], ("usize", None), "SELF.orders().len()"),
    ("pay", "Marks an order as paid.", {"metadata": ("team", "billing")},
     [(CONTEXT, "ctx", "Context", None), (PAYLOAD, "receipt", "Receipt", None)], ("bool", "OrderError"),
     """match SELF.orders().get_mut(&receipt.order) {
            Some(order) if !ctx.endpoint().is_empty() => Ok(OK[std::mem::replace(&mut order.paid, true)]),
            _ => Err(ERR[OrderError::NotFound { id: receipt.order }]),
        }"""),
    ("reload", "Forgets everything, on every instance.", {"queue_group": None}, [], ("()", None),
     "SELF.orders().clear();"),
    ("tenant", "Whose orders these are.", {}, [(HEADER, "tenant", "String", "X-Tenant")], ("String", None),
     "tenant"),
    ("total", "What an order costs.", {}, [(PAYLOAD, "items", "Vec<Item>", None)], ("f64", None),
     "items.iter().map(|item| f64::from(item.count)).sum()"),
]


def text_of(body, shop, error, value):
    body = re.sub(r"ERR\[(.*?)\]", lambda found: error.format(found[1]), body)
    return re.sub(r"OK\[(.*?)\]", lambda found: value.format(found[1]), body).replace("SELF", shop)


def subject(attributes, name):
    return attributes.get("subject", name)


def by_attribute(number, client):
    methods = ""
    for name, doc, attributes, params, (value, error), body in METHODS:
        arguments = []
        for key, text in attributes.items():
            if key == "queue_group":
                arguments.append("queue_group = false")
            elif key == "metadata":
                arguments.append(f'metadata({text[0]} = "{text[1]}")')
            elif key == "concurrency":
                arguments.append(f"concurrency = {text}")
            else:
                arguments.append(f'{key} = "{text}"')
        listed = f"({', '.join(arguments)})" if arguments else ""
        taken = "&self"
        for kind, param, ty, header in params:
            mark = f'#[header("{header}")] ' if kind == HEADER else ""
            taken += f", {mark}{param}: {'&' if kind == CONTEXT else ''}{ty}"
        returned = f"Result<{value}, {error}>" if error else value
        arrow = "" if returned == "()" else f" -> {returned}"
        methods += f"""
    /// {doc}
    #[endpoint{listed}]
    async fn {name}({taken}){arrow} {{
        {text_of(body, "self", "{}", "{}")}
    }}
"""
    no_client = "" if client else ", client = false"
    return f"""
use micro::{{Context, endpoint, service}};

/// Orders, and what becomes of them.
#[service(name = "shop{number}", version = "1.0.0", group = "shop{number}"{no_client})]
impl Shop {{{methods}}}
"""


def by_hand(number, client):
    """As one would write it who knows the builder: a function an endpoint, from a request to a
    reply, and a builder that lists them. Each refuses what it cannot read, with the code and the
    words that the attribute's would."""
    functions, listed, calls = "", "", ""
    for name, doc, attributes, params, (value, error), body in METHODS:
        read, signature, writes = "", "", ""
        for kind, param, ty, header in params:
            inner = re.sub(r"^Option<(.*)>$", r"\1", ty)
            if kind == PAYLOAD:
                read += f"    let {param}: {ty} = request.json()?;\n"
                writes += f".json({param})"
            elif kind == PLACEHOLDER:
                read += f"    let {param}: {ty} = placeholder(&request, \"{param}\")?;\n"
                writes += f'.placeholder("{param}", &{param}.to_string())'
            elif kind == HEADER and inner != ty:
                read += f"    let {param}: {ty} = optional_header(&request, \"{header}\")?;\n"
            elif kind == HEADER:
                read += f"    let {param}: {ty} = header(&request, \"{header}\")?;\n"
                writes += f'.header("{header}", &{param}.to_string())'
            else:
                read += f"    let {param} = request.context();\n"
            if kind != CONTEXT:
                signature += f", {param}: &{ty}"
        text = text_of(body, "shop", "Error::service(&{})", "{}" if value == "()" else "Json({})")
        shop = "shop" if "SELF" in body else "_"
        returned = "()" if value == "()" else f"Json<{value}>"
        if not error:
            text = f"{text}\n    Ok(())" if value == "()" else f"Ok(Json({text}))"
        function = f"""async fn {name}({shop}: Arc<Shop>, {"request" if read else "_"}: Request) -> Result<{returned}, Error> {{
{read}    {text}
}}
"""
        functions += "\n" + function
        options = f'.name("{name}").description("{doc}")'
        for key, text in attributes.items():
            if key == "queue_group":
                options += ".no_queue_group()"
            elif key == "metadata":
                options += f'.metadata("{text[0]}", "{text[1]}")'
            elif key == "concurrency":
                options += f".concurrency({text})"
            elif key == "timeout":
                options += ".timeout(Duration::from_secs(2))"
        listed += f"""
            .endpoint_with("{subject(attributes, name)}", on(&shop, {name}), |endpoint| {{
                endpoint{options}
            }})"""
        optional = [(p, h) for k, p, t, h in params if k == HEADER and t.startswith("Option")]
        call = f'Outgoing::new(&self.caller, "shop{number}.{subject(attributes, name)}"){writes}'
        if optional:
            param, header = optional[0]
            call = f"""let mut call = {call};
        if let Some(value) = {param} {{
            call = call.header("{header}", value);
        }}
        call.call()"""
        else:
            call += ".call()"
        calls += f"""
    /// {doc}
    pub fn {name}(&self{signature}) -> Call<'_, {value}, {error or "Infallible"}> {{
        {call}
    }}
"""
    typed_client = f"""
/// Calls the shop.
#[derive(Clone, Debug)]
pub struct ShopClient {{
    caller: Caller,
}}

impl ShopClient {{
    /// A client over `nats`.
    pub fn new(nats: impl Into<Caller>) -> Self {{
        Self {{ caller: nats.into() }}
    }}
{calls}}}
""" if client else ""
    uses = "use std::convert::Infallible;\nuse micro::{Call, Caller, Outgoing};\n" if client else ""
    return f"""
use std::sync::Arc;
use std::time::Duration;
use micro::{{Error, Json, Request, ServiceBuilder}};
use crate::reading::{{header, on, optional_header, placeholder}};
{uses}{functions}
/// Orders, and what becomes of them.
pub fn service(shop: Shop) -> ServiceBuilder {{
    let shop = Arc::new(shop);
    ServiceBuilder::new("shop{number}", "1.0.0")
        .description("Orders, and what becomes of them.")
        .group("shop{number}", |group| {{
            group{listed}
        }})
}}
{typed_client}"""


# What one writes once for all handlers by hand.
READING = """
//! From a request to the parameters of a handler.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use micro::{Error, Handler, IntoReply, Request};

pub fn on<S, F, Fut>(state: &Arc<S>, handler: F) -> impl Handler + use<S, F, Fut>
where
    S: Send + Sync + 'static,
    F: Fn(Arc<S>, Request) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: IntoReply,
{
    let state = Arc::clone(state);
    move |request: Request| handler(Arc::clone(&state), request)
}

pub fn placeholder<T: FromStr<Err: Display>>(request: &Request, name: &str) -> Result<T, Error> {
    let token = request.context().placeholder(name).unwrap_or_default();
    token.parse().map_err(|error| {
        Error::new(400, format_args!("cannot read `{name}` from the subject: {error}"))
    })
}

pub fn optional_header<T: FromStr<Err: Display>>(request: &Request, name: &str) -> Result<Option<T>, Error> {
    let value = request.context().header(name).map(str::parse).transpose();
    value.map_err(|error| Error::new(400, format_args!("cannot read header `{name}`: {error}")))
}

pub fn header<T: FromStr<Err: Display>>(request: &Request, name: &str) -> Result<T, Error> {
    optional_header(request, name)?
        .ok_or_else(|| Error::new(400, format_args!("header `{name}` is missing")))
}
"""

CRATES = {
    "types": ("the types alone", lambda number: ""),
    "attribute": ("#[service]", lambda number: by_attribute(number, client=False)),
    "attribute_client": ("#[service], with its client", lambda number: by_attribute(number, client=True)),
    "hand": ("by hand", lambda number: by_hand(number, client=False)),
    "hand_client": ("by hand, with a typed client", lambda number: by_hand(number, client=True)),
}


def write(home):
    members = ", ".join(f'"{name}"' for name in CRATES)
    os.makedirs(home, exist_ok=True)
    with open(f"{home}/Cargo.toml", "w") as file:
        file.write(f'[workspace]\nmembers = [{members}]\nresolver = "3"\n')
    shutil.copy(f"{ROOT}/Cargo.lock", f"{home}/Cargo.lock")
    shutil.copy(f"{ROOT}/rust-toolchain.toml", f"{home}/rust-toolchain.toml")
    for name, (_, generate) in CRATES.items():
        os.makedirs(f"{home}/{name}/src", exist_ok=True)
        with open(f"{home}/{name}/Cargo.toml", "w") as file:
            file.write(
                f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2024"\n\n[dependencies]\n'
                f'micro-rs = {{ path = "{ROOT}" }}\nserde = {{ version = "1", features = ["derive"] }}\n'
            )
        modules = [f"pub mod shop{number};" for number in range(SERVICES)]
        if name.startswith("hand"):
            modules.append("mod reading;")
            with open(f"{home}/{name}/src/reading.rs", "w") as file:
                file.write(READING)
        with open(f"{home}/{name}/src/lib.rs", "w") as file:
            # What is private and unused without a service is the measurement's and nobody's fault.
            file.write("#![allow(dead_code)]\n" + "\n".join(modules) + "\n")
        for number in range(SERVICES):
            with open(f"{home}/{name}/src/shop{number}.rs", "w") as file:
                file.write(TYPES + generate(number))


def check(home, name, environment):
    """CPU seconds, and seconds on the clock, of one `cargo check` of a crate that has changed."""
    os.utime(f"{home}/{name}/src/lib.rs")
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    result = subprocess.run(
        ["cargo", "check", "--quiet", "-p", name], cwd=home, env=environment, capture_output=True, text=True
    )
    took = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.returncode or result.stderr:
        sys.exit(f"{name} does not check as it is meant to:\n{result.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, took


def compare(home, environment, rounds):
    for name in CRATES:
        check(home, name, environment)
    cpu, clock = {name: [] for name in CRATES}, {name: [] for name in CRATES}
    for number in range(rounds):
        order = list(CRATES) if number % 2 == 0 else list(reversed(CRATES))
        for name in order:
            one, other = check(home, name, environment)
            cpu[name].append(one)
            clock[name].append(other)
    median = {name: statistics.median(times) for name, times in cpu.items()}
    print(f"cargo check of {ENDPOINTS} endpoints, CPU seconds, medians of {rounds}:")
    for name, (what, _) in CRATES.items():
        print(
            f"  {what:30} {median[name]:6.2f}  (from {min(cpu[name]):.2f} to {max(cpu[name]):.2f}; "
            f"on the clock {statistics.median(clock[name]):.2f})"
        )
    for one, other in [("attribute", "hand"), ("attribute_client", "hand_client"), ("attribute_client", "hand")]:
        above = (median[one] - median["types"]) / (median[other] - median["types"])
        print(
            f"  {CRATES[one][0]} / {CRATES[other][0]}: {median[one] / median[other]:.2f} of {RATIO_AT_MOST}"
            f" ({above:.2f} above the types)"
        )


def stats(home, environment):
    """Lines and bytes that `#[service]` writes, by rustc's own count."""
    toolchains = subprocess.run(["rustup", "toolchain", "list"], capture_output=True, text=True).stdout
    if "nightly" not in toolchains:
        print("no nightly toolchain is installed: not counted what an endpoint expands to")
        return
    print(
        f"what #[service] gives back, an endpoint; {LINES_AT_MOST} lines and {BYTES_AT_MOST} bytes are the budget of"
        " what it adds:"
    )
    environment = dict(environment, CARGO_TARGET_DIR=environment["CARGO_TARGET_DIR"] + "-nightly")
    for name in ["attribute_client", "attribute"]:
        os.utime(f"{home}/{name}/src/lib.rs")
        command = ["cargo", "+nightly", "rustc", "--quiet", "--profile", "check", "-p", name, "--", "-Zmacro-stats"]
        result = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True)
        found = re.search(r"^macro-stats #\[service\] +([\d,_]+) +([\d,_]+) +[\d.,_]+ +([\d,_]+)", result.stderr, re.M)
        if result.returncode or not found:
            print(f"{name}: nightly did not say what `#[service]` expands to:\n{result.stderr[-3000:]}")
            return
        _, lines, size = (int(re.sub("[,_]", "", number)) for number in found.groups())
        print(f"  {CRATES[name][0]}: {lines / ENDPOINTS:.0f} lines, {size / ENDPOINTS:.0f} bytes")
    # The methods themselves are part of what the attribute gives back.
    own = re.sub(r"^ *#\[endpoint.*\n|#\[header[^]]*\] ", "", by_attribute(0, True), flags=re.M)
    own = own[own.index("impl Shop"):].strip()
    lines, size = (own.count("\n") + 1) * SERVICES, len(own) * SERVICES
    print(f"  of that the methods as they were written: {lines / ENDPOINTS:.0f} lines, {size / ENDPOINTS:.0f} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    target = os.environ.get("CARGO_TARGET_DIR", f"{ROOT}/target")
    home = os.path.join(target, "macro-budget")
    environment = dict(os.environ, CARGO_TARGET_DIR=f"{home}/target", CARGO_INCREMENTAL="0")
    write(home)
    compare(home, environment, options.rounds)
    stats(home, environment)


main()
