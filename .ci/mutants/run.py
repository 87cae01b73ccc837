#!/usr/bin/env python3
"""Mutation tests of the stages that decide: docs/mutation-testing.md says how to run it and what it found.

run.py build [SUITE…]     copies the source to target/mutants, writes every mutant into it, builds it until all that is left
                          compiles; with the tests of these suites only, where any is named
run.py record SUITE [T…]  runs each test alone and writes down which mutants it reaches (SUITE is lib or gateway); T…: only those
                          whose names begin so, what is known of the others stays
run.py test SUITE [K…]    lets each mutant live under the tests that reach it, unless it was killed before; those that none of them
                          noticed are the survivors.
                          K is the number of a mutant, or the beginning of its file's path
run.py survivors          prints the mutants that no suite noticed, and those that no test reaches
"""
import collections, concurrent.futures, json, os, re, resource, shutil, signal, subprocess, sys, tempfile, threading, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = Path(os.environ.get("OPENMIG_MUTANTS_WORK", ROOT / "target/mutants"))
COPY, BUILD = WORK / "source", WORK / "build"
FOLDERS = ["src/access", "src/labelling", "src/release"]
# What a test may not reach: it reads the source text itself, or the project's pages.
TEXT_TESTS = re.compile(r"layering|requirements|citations|docs_")
# A mutant may loop for ever: this much more than the tests take without one, in seconds of the processor, since the machine may be
# busy with other things. What waits and does nothing has so many times as long by the clock.
PATIENCE = 8
WAITING = 20
AT_ONCE = int(os.environ.get("OPENMIG_MUTANTS_JOBS", "2"))
SHARED = str(Path(os.environ.get("OPENMIG_SHARED", ROOT.parent / "shared")).resolve())


def environment(**more):
    env = {key: value for key, value in os.environ.items() if not key.startswith("OPENMIG_MUTANT")}
    return env | {"OPENMIG_SHARED": SHARED, "CARGO_TARGET_DIR": str(BUILD), "RUST_BACKTRACE": "0", "PROPTEST_MAX_SHRINK_ITERS": "0"} | more


def load(name, otherwise):
    path = WORK / name
    return json.loads(path.read_text()) if path.exists() else otherwise


def save(name, value):
    part = WORK / (name + ".part")
    part.write_text(json.dumps(value, indent=0))
    part.replace(WORK / name)


def write_copy(dropped):
    """The source of now with the mutants in it. Only files that came out otherwise are written, so that cargo builds little."""
    fresh = WORK / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(ROOT, fresh, ignore=shutil.ignore_patterns("target", ".git", "node_modules", "mutants"))
    (fresh / "src/mutant.rs").write_text((ROOT / ".ci/mutants/switch.rs").read_text())
    lib = fresh / "src/lib.rs"
    lib.write_text(lib.read_text() + "\n#[doc(hidden)]\n#[allow(missing_docs)]\npub mod mutant;\n")
    (WORK / "dropped").write_text("\n".join(map(str, sorted(dropped))) + "\n")
    tool = subprocess.run(
        ["cargo", "run", "-q", "--manifest-path", str(ROOT / ".ci/mutants/Cargo.toml"), "--", str(fresh), str(WORK / "dropped"), *FOLDERS],
        env=environment(CARGO_TARGET_DIR=str(WORK / "tool")), check=True, stdout=subprocess.PIPE)
    mutants = json.loads(tool.stdout)
    kept = set()
    for path in fresh.rglob("*"):
        if path.is_file():
            target = COPY / path.relative_to(fresh)
            kept.add(target)
            if not target.exists() or target.read_bytes() != path.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
                shutil.copymode(path, target)
    for path in COPY.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()
    shutil.rmtree(fresh)
    return mutants


def cargo(*command):
    out = subprocess.run(["cargo", *command, "--message-format=json"], cwd=COPY, env=environment(), stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")], out.returncode


def build(suites):
    WORK.mkdir(parents=True, exist_ok=True)
    dropped, turn = set(load("dropped.json", [])), 0
    while True:
        turn += 1
        mutants = write_copy(dropped)
        # Numbers mean the same only in the same list.
        list_now = [[m["file"], m["function"], m["operator"], m["was"], m["is"]] for m in mutants]
        list_then = load("list.json", None)
        if list_then != list_now:
            numbers = carried_over(list_then or [], list_now)
            dropped = {numbers[k] for k in dropped if k in numbers}
            for suite in ("lib", "gateway"):
                known = load(f"outcome-{suite}.json", {})
                save(f"outcome-{suite}.json", {str(numbers[int(k)]): what for k, what in known.items() if int(k) in numbers})
                # which test reaches what has to be recorded anew
                (WORK / f"reached-{suite}.json").unlink(missing_ok=True)
            save("list.json", list_now)
            save("dropped.json", sorted(dropped))
            mutants = write_copy(dropped)
        messages, status = cargo("check", "--lib")
        errors = [m["message"] for m in messages if m["reason"] == "compiler-message" and m["message"]["level"] == "error"]
        if status == 0:
            break
        guilty = set()
        for error in errors:
            for span in sorted(error["spans"], key=lambda span: not span["is_primary"]):
                owner = whose(mutants, span)
                if owner is not None:
                    guilty.add(owner)
                    break
            else:
                # a statement that may be gone: what it ended does not end, what it used up is still there
                guilty |= statements_near(mutants, error["spans"])
        print(f"turn {turn}: {len(errors)} errors, {len(guilty)} mutants do not compile", flush=True)
        for error in errors if len(errors) < 10 else []:
            print(error["rendered"], flush=True)
        for k in sorted(guilty) if len(guilty) < 10 else []:
            print(f"  {k} {mutants[k]['file']}:{mutants[k]['line']} {mutants[k]['operator']} `{mutants[k]['was'][:60]}`", flush=True)
        if not guilty - dropped:
            sys.exit("the copy does not compile, and no mutant is the cause")
        dropped |= guilty
        save("dropped.json", sorted(dropped))
    save("mutants.json", mutants)
    targets = {"lib": ["--lib"], "gateway": ["--test", "gateway"]}
    messages, status = cargo("test", "--no-run", *(word for suite in suites or targets for word in targets[suite]))
    if status:
        sys.exit("the tests do not build")
    binaries = {m["target"]["name"]: m["executable"] for m in messages if m.get("executable") and m["profile"]["test"]}
    names = {"openmig": "lib", "gateway": "gateway"}
    save("binaries.json", {names[name]: path for name, path in binaries.items() if name in names})
    alive = [m for m in mutants if m["written"]]
    print(f"{len(mutants)} mutants, {len(mutants) - len(alive)} do not compile, {len(alive)} to be tried")


def carried_over(then, now):
    """The number of now for each of then, in every function that is as it was: what is known of its changes still holds."""
    def functions(mutants):
        of = collections.defaultdict(list)
        for k, (file, function, *what) in enumerate(mutants):
            of[file, function].append((k, what))
        return of

    before, numbers = functions(then), {}
    for name, found in functions(now).items():
        known = before.get(name, [])
        if [what for _, what in known] == [what for _, what in found]:
            numbers |= {old: k for (old, _), (k, _) in zip(known, found)}
    return numbers


def statements_near(mutants, spans):
    """The statements that may be gone within what the compiler points to; else the way out that, not taken any more, leads from
    the last but one of its places to the last (from what uses something up to what needs it still); else what may have used it up; else
    the nearest above."""
    primary = next((span for span in spans if span["is_primary"]), None)
    if primary is None:
        return set()
    here = [m for m in mutants if m["written"] and m["file"] == primary["file_name"] and m["operator"] == "statement"]
    within = {m["k"] for m in here if primary["byte_start"] <= m["written"][0] and m["written"][1] <= primary["byte_end"]}
    places = sorted((span["byte_start"], span["byte_end"]) for span in spans if span["file_name"] == primary["file_name"])
    begin, end = places[-2][1] if len(places) > 1 else places[-1][1], places[-1][0] if len(places) > 1 else float("inf")
    ways_out = [m for m in here if re.match(r"return|break|continue", m["was"]) and begin <= m["written"][0] and m["written"][1] <= end]
    above = [m for m in here if m["written"][1] <= primary["byte_start"]]
    # what was borrowed at the first of its places and is not used up any more
    uses = [m for m in above if len(places) > 1 and places[0][1] <= m["written"][0]]
    nearest = sorted(ways_out or uses, key=lambda m: m["written"][0])[:1] or sorted(above, key=lambda m: m["written"][1])[-1:]
    return within or {m["k"] for m in nearest}


def whose(mutants, span):
    """The mutant in whose text a span of the compiler lies; the innermost."""
    while span.get("expansion") and not span["file_name"].startswith("src/"):
        span = span["expansion"]["span"]
    best = None
    for m in mutants:
        if m["written"] and m["file"] == span["file_name"]:
            start, end = m["written"]
            if start <= span["byte_start"] and span["byte_end"] <= end and (best is None or end - start < best[0]):
                best = (end - start, m["k"])
    return best and best[1]


def run(suite, tests, patience, env, threads=2):
    """True where all passed."""
    binary = load("binaries.json", {})[suite]
    with tempfile.TemporaryDirectory() as home:
        child = subprocess.Popen(
            [binary, "--exact", f"--test-threads={threads}", *tests], cwd=COPY, start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (int(patience), int(patience) + 5)),
            env=environment(TMPDIR=home, CARGO_MANIFEST_DIR=str(COPY), **env), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        # One failure is enough, and whoever waits for ever has noticed too.
        late = threading.Timer(WAITING * patience, os.killpg, (child.pid, signal.SIGKILL))
        late.start()
        failed = any(line.endswith(b"FAILED\n") for line in child.stdout)
        late.cancel()
        if failed:
            os.killpg(child.pid, signal.SIGKILL)
        return child.wait() == 0


def record(suite, only):
    binary = load("binaries.json", {})[suite]
    listed = subprocess.run([binary, "--list"], cwd=COPY, env=environment(), stdout=subprocess.PIPE, text=True, check=True).stdout
    there = [line.removesuffix(": test") for line in listed.splitlines() if line.endswith(": test")]
    tests = [name for name in there if not only or name.startswith(tuple(only))]
    known = load(f"reached-{suite}.json", {}) if only else {}
    reached = {name: known[name] for name in there if name in known}

    def one(test):
        with tempfile.TemporaryDirectory() as home:
            log, start = Path(home) / "reached", time.monotonic()
            passed = run(suite, [test], 600, {"OPENMIG_MUTANTS_REACHED": str(log)})
            ids = sorted({int(line) for line in log.read_text().split()}) if log.exists() else []
            return test, {"passed": passed, "seconds": time.monotonic() - start, "reached": ids}

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for n, (test, what) in enumerate(pool.map(one, tests)):
            reached[test] = what
            if not what["passed"]:
                print(f"{test} fails without a mutant: left out", flush=True)
            if n % 50 == 49:
                print(f"{n + 1} of {len(tests)} tests", flush=True)
                save(f"reached-{suite}.json", reached)
    save(f"reached-{suite}.json", reached)
    print(f"{len(reached)} tests, {sum(t['seconds'] for t in reached.values()):.0f} s, {len({k for t in reached.values() for k in t['reached']})} mutants reached")


def test(suite, only):
    mutants = [m for m in load("mutants.json", []) if m["written"]]
    reached = {name: t for name, t in load(f"reached-{suite}.json", {}).items() if t["passed"] and not TEXT_TESTS.search(name)}
    outcome = load(f"outcome-{suite}.json", {})
    before = load("outcome-lib.json", {}) if suite == "gateway" else {}
    # The quickest first, and few at a time: most mutants die under the first.
    by_mutant = collections.defaultdict(list)
    for name in sorted(reached, key=lambda name: reached[name]["seconds"]):
        for k in reached[name]["reached"]:
            by_mutant[k].append(name)

    def one(m):
        k = m["k"]
        tests = by_mutant.get(k, [])
        if not tests:
            return k, "unreached"
        slow = [name for name in tests if reached[name]["seconds"] > 1.5]
        quick = [name for name in tests if name not in slow]
        for some in (quick[:4], quick[4:14], quick[14:], slow):
            if some:
                patience = PATIENCE + 2 * sum(reached[name]["seconds"] for name in some)
                if not run(suite, some, patience, {"OPENMIG_MUTANT": str(k)}):
                    return k, "killed"
        return k, "survived"

    if only:
        todo = [m for m in mutants if any(str(m["k"]) == some or m["file"].startswith(some) for some in only)]
    else:
        todo = [m for m in mutants if "killed" not in (outcome.get(str(m["k"])), before.get(str(m["k"])))]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for n, (k, what) in enumerate(pool.map(one, todo)):
            outcome[str(k)] = what
            if what != "killed":
                m = mutants[[m["k"] for m in mutants].index(k)]
                print(f"{what} {k} {m['file']}:{m['line']} {m['function']}: {m['operator']} `{m['was'][:60]}` -> `{m['is'][:60]}`", flush=True)
            if n % 25 == 24:
                print(f"{n + 1} of {len(todo)}", flush=True)
                save(f"outcome-{suite}.json", outcome)
    save(f"outcome-{suite}.json", outcome)
    print(dict(collections.Counter(outcome.values())))


def survivors():
    outcomes = [load(f"outcome-{suite}.json", {}) for suite in ("lib", "gateway")]
    counts = collections.Counter()
    for m in load("mutants.json", []):
        if not m["written"]:
            counts["does not compile"] += 1
            continue
        said = [outcome.get(str(m["k"])) for outcome in outcomes]
        if "killed" in said:
            counts["killed"] += 1
            continue
        what = "survived" if "survived" in said else "unreached"
        counts[what] += 1
        print(f"{what} {m['k']} {m['file']}:{m['line']} {m['function']}: {m['operator']} `{' '.join(m['was'].split())[:90]}` -> `{' '.join(m['is'].split())[:90]}`")
    print(dict(counts))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["build", *suites]: build(suites)
        case ["record", suite, *only]: record(suite, only)
        case ["test", suite, *only]: test(suite, only)
        case ["survivors"]: survivors()
        case _: sys.exit(__doc__)
