"""Renders the charts and checks every object that comes out. Run by ./check, which installs what this needs.

Objects are held against the schemas of the oldest and the newest Kubernetes that kubernetes-validate has, strictly: a field
that is not there is refused. KEDA's and Prometheus' objects have no schemas there; they are held against the fields that their
documentation requires. Beside that: whatever selects pods finds some, and the right ones; whatever is referred to is there.
"""

import pathlib
import sys

import helm_python as helm
import kubernetes_validate
import yaml

FOLDER = pathlib.Path(__file__).parent
VERSIONS = ("1.25", "1.37")

# What objects have that no schema here knows.
FOREIGN = {
    "ScaledObject": ("scaleTargetRef", "triggers"),
    "ServiceMonitor": ("selector", "endpoints"),
}

# Servers that share a queue.
SHARED = {"hostname": "example.com", "database": {"secret": "remora"}}

# Values that must be refused, with a part of what is said.
REFUSED = {
    "remora": [
        ({}, "hostname is needed"),
        ({"hostname": "example.com", "replicas": 2}, "set database.secret"),
        ({"hostname": "example.com", "workers": {"enabled": True}}, "set database.secret"),
        ({"hostname": "example.com", "workers": {"autoscaling": {"kind": "always"}}}, "none, hpa or keda"),
        (
            {
                "hostname": "example.com",
                "database": {"secret": "remora"},
                "workers": {"enabled": True, "autoscaling": {"kind": "keda"}},
            },
            "the address of Prometheus is needed",
        ),
        ({**SHARED, "replicas": 0}, "1 or more servers answer"),
        ({**SHARED, "s3": {"secret": "remora-s3"}}, "set s3.artifacts or s3.layerCache"),
        ({**SHARED, "metricsPort": 80}, "80 is where devices come"),
        ({**SHARED, "workers": {"autoscaling": {"kind": "hpa"}}}, "set workers.enabled"),
        ({**SHARED, "workers": {"enabled": True, "builds": 0}}, "does nothing"),
        ({**SHARED, "workers": {"autoscaling": {"minReplicas": 11}}}, "more than maxReplicas"),
        ({**SHARED, "env": {"REMORA_DATABASE": "postgres://"}}, "set database.secret instead"),
        ({**SHARED, "env": {"REMORA_ARTIFACTS": "s3://deltas"}}, "set s3.artifacts instead"),
        (
            {**SHARED, "workers": {"enabled": True}, "env": {"REMORA_MAX_BUILDS": "4"}},
            "set workers.builds instead",
        ),
    ],
    "remora-builder": [({}, "hostname is needed")],
}


def render(chart, values):
    manifests = chart.render(values, name="remora", namespace="openbalena")
    objects = []
    for path, text in sorted(manifests.items()):
        if path.endswith((".yaml", ".yml")):
            objects += [each for each in yaml.safe_load_all(text) if each]
    return objects


def check_schema(found):
    if found["kind"] in FOREIGN:
        missing = [field for field in FOREIGN[found["kind"]] if not found["spec"].get(field)]
        assert not missing, f"{found['kind']} without {missing}"
        return
    for version in VERSIONS:
        kubernetes_validate.validate(found, version, strict=True)


def template(found):
    return found["spec"]["template"]


def selects(selector, labels):
    return all(labels.get(name) == value for name, value in selector.items())


def check_selectors(objects):
    """Whatever selects pods finds those of exactly one workload."""
    pods = [template(each) for each in objects if each["kind"] in ("Deployment", "StatefulSet")]
    for found in objects:
        kind = found["kind"]
        if kind not in ("Service", "PodDisruptionBudget", "Deployment", "StatefulSet"):
            continue
        selector = found["spec"]["selector"]
        selector = selector if kind == "Service" else selector["matchLabels"]
        matching = [pod for pod in pods if selects(selector, pod["metadata"]["labels"])]
        assert len(matching) == 1, f"{kind} {found['metadata']['name']} selects {len(matching)} workloads"


def check_references(objects):
    named = {(each["kind"], each["metadata"]["name"]) for each in objects}
    assert len(named) == len(objects), "two objects have one name"
    for found in objects:
        if found["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
            target = found["spec"]["scaleTargetRef"]
            assert (target["kind"], target["name"]) in named, target
            assert "replicas" not in next(
                each["spec"] for each in objects if each["metadata"]["name"] == target["name"] and each["kind"] == target["kind"]
            ), "the number of replicas has two masters"
        if found["kind"] == "StatefulSet":
            assert ("Service", found["spec"]["serviceName"]) in named
        if found["kind"] in ("Deployment", "StatefulSet"):
            check_volumes(found, named)


def check_volumes(found, named):
    spec = template(found)["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    claimed = {each["metadata"]["name"] for each in found["spec"].get("volumeClaimTemplates", [])}
    for mount in spec["containers"][0]["volumeMounts"]:
        assert mount["name"] in volumes or mount["name"] in claimed, mount
    for volume in volumes.values():
        claim = volume.get("persistentVolumeClaim")
        assert not claim or ("PersistentVolumeClaim", claim["claimName"]) in named or claim["claimName"] == "of-mine"


def environment(found):
    return {each["name"]: each for each in template(found)["spec"]["containers"][0].get("env", [])}


def check_roles(objects):
    """Devices come to servers that answer, never to workers; servers that share a queue have data folders of their own."""
    workers = [each for each in objects if each["kind"] == "StatefulSet"]
    servers = [each for each in objects if each["kind"] == "Deployment"]
    for found in servers + workers:
        names = [each["name"] for each in template(found)["spec"]["containers"][0].get("env", [])]
        assert len(set(names)) == len(names), f"a variable is set twice: {names}"
    for worker in workers:
        assert environment(worker)["REMORA_ROLE"]["value"] == "worker"
        assert "REMORA_DATABASE" in environment(worker)
        assert "app.kubernetes.io/component" not in template(worker)["metadata"]["labels"]
    for server in servers:
        settings = environment(server)
        assert "REMORA_ROLE" not in settings
        if workers:
            assert settings["REMORA_MAX_BUILDS"]["value"] == "0"
        if server["spec"]["replicas"] > 1:
            assert "REMORA_DATABASE" in settings
            claims = [v for v in template(server)["spec"]["volumes"] if "persistentVolumeClaim" in v]
            assert not claims, "servers that share a queue share a volume too"


def check(chart, values):
    objects = render(chart, values)
    assert objects, "nothing was rendered"
    for found in objects:
        check_schema(found)
    check_selectors(objects)
    check_references(objects)
    if chart.name == "remora":
        check_roles(objects)
    return [each["kind"] for each in objects]


def check_refusals(chart):
    for values, reason in REFUSED[chart.name]:
        try:
            chart.render(values, name="remora", namespace="openbalena")
        except helm.HelmError as error:
            assert reason in str(error), error
        else:
            raise AssertionError(f"{values} is taken")


def main():
    for name in ("remora", "remora-builder"):
        with helm.Chart.load(str(FOLDER / name)) as chart:
            files = sorted((FOLDER / "values" / name).glob("*.yaml"))
            assert files, f"there are no values for {name}"
            for path in files:
                kinds = check(chart, yaml.safe_load(path.read_text()))
                print(f"{name} with {path.name}: {', '.join(kinds)}")
            check_refusals(chart)
    print("the charts are right, as far as their schemas and they themselves can tell")


if __name__ == "__main__":
    sys.exit(main())
