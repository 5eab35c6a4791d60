#!/usr/bin/env python3
"""The statement written a second time, from the protocol's text and nothing else.

check.py          compares every vector's statement.json, result_hash and report_data with what its input.json demands
check.py --write  writes them anew
"""
import hashlib
import json
import pathlib
import sys


def canonical(value):
    # RFC 8785 for the subset in use: ASCII names, no floats.
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def bare(image_id):
    return image_id.removeprefix("sha256:")


def run_entry(run, prepared):
    out, err = run["stdout"].encode(), run["stderr"].encode()
    annotations = {
        "attempt": run["attempt"],
        "exitCode": run["exitCode"],
        "outcome": run["outcome"],
        "stdoutBytes": len(out),
        "stderrBytes": len(err),
        "truncated": run["truncated"],
    }
    if prepared:
        annotations["preparedImage"] = "sha256:" + bare(prepared)
    return {"name": "run", "digest": {"sha256": sha256(out + b"\0" + err)}, "annotations": annotations}


def statement(spec):
    subject = []
    if "archive" in spec:
        entry = {"digest": {"sha256": spec["archive"]["sha256"]}}
        if spec["archive"]["name"]:
            entry["name"] = spec["archive"]["name"]
        subject.append(entry)
    subject.append({"name": spec["skillId"] + "/", "digest": {"dirHash1": spec["treeDigest"]}})
    manifest, sandbox, verifier = spec["manifest"], spec["sandbox"], spec["verifier"]
    configuration = [{"name": "manifest", "digest": {"sha256": manifest["sha256"]}, "annotations": manifest["annotations"]}]
    if "image" in spec:
        image = spec["image"]
        configuration.append({"name": "image", "uri": image["reference"], "digest": {"sha256": bare(image["id"])}})
    configuration.append({"name": "sandbox", "digest": {"sha256": sha256(canonical(sandbox["limits"]))},
                          "annotations": sandbox["annotations"]})
    configuration.append({"name": "verifier", "uri": verifier["uri"], "digest": {"sha256": verifier["sha256"]}})
    if "nonce" in spec:
        configuration.append({"name": "nonce", "annotations": {"value": spec["nonce"]}})
    if "run" in spec:
        configuration.append(run_entry(spec["run"], spec.get("preparedImageId")))
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": spec["verdict"],
            "configuration": configuration,
            "passedTests": spec["passedTests"],
            "warnedTests": spec["warnedTests"],
            "failedTests": spec["failedTests"],
        },
    }


def core(document):
    entries = document["predicate"]["configuration"]
    document["predicate"]["configuration"] = [e for e in entries if e["name"] not in ("nonce", "run")]
    return document


def main():
    bad = 0
    for folder in sorted(p.parent for p in pathlib.Path(__file__).parent.glob("*/input.json")):
        spec = json.loads((folder / "input.json").read_text(encoding="utf-8"))
        data = canonical(statement(spec))
        result = sha256(data)
        tagged = hashlib.sha512(b"skill-verifier-result-v1:" + result.encode()).hexdigest()
        files = {"statement.json": data, "core.json": canonical(core(statement(spec))),
                 "result_hash": result.encode(), "report_data": tagged.encode()}
        for name, content in files.items():
            if "--write" in sys.argv:
                (folder / name).write_bytes(content)
            elif (folder / name).read_bytes() != content:
                print(f"{folder.name}/{name} differs")
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
