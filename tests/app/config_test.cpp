#include "app/config.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "support/paths.hpp"

namespace skill_verifier::app {
namespace {

using namespace std::chrono_literals;

Result<Config> configure(std::string_view yaml) {
  Config config = default_config();
  SKILL_VERIFIER_TRY(const auto settings, read_settings(yaml, "test.yaml"));
  SKILL_VERIFIER_TRY_VOID(apply_settings(config, settings));
  SKILL_VERIFIER_TRY_VOID(check_config(config));
  return config;
}

std::string fault_of(std::string_view yaml) {
  const auto config = configure(yaml);
  return config ? "" : config.error().message;
}

std::string example_text() {
  std::ifstream file(test::source_dir() / "config/skill-verifier.example.yaml");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(ConfigExample, NamesEveryKeyOnceAndNoOther) {
  const auto settings = read_settings(example_text(), "example");
  ASSERT_TRUE(settings) << settings.error().message;
  std::set<std::string> shown, known;
  for (const Setting& setting : *settings)
    EXPECT_TRUE(shown.insert(setting.key).second) << setting.key;
  for (const Key& key : config_keys())
    EXPECT_TRUE(known.insert(std::string(key.name)).second) << key.name;
  EXPECT_EQ(shown, known);
}

TEST(ConfigExample, ShowsTheDefaults) {
  const auto config = configure(example_text());
  ASSERT_TRUE(config) << config.error().message;
  const Config defaults = default_config();
  EXPECT_EQ(config->server.address, defaults.server.address);
  EXPECT_EQ(config->server.port, defaults.server.port);
  EXPECT_EQ(config->server.body_bytes, defaults.server.body_bytes);
  EXPECT_EQ(config->server.spool_bytes, defaults.server.spool_bytes);
  EXPECT_EQ(config->server.response_bytes, defaults.server.response_bytes);
  EXPECT_EQ(config->server.header_bytes, defaults.server.header_bytes);
  EXPECT_EQ(config->server.header_time, defaults.server.header_time);
  EXPECT_EQ(config->server.body_time, defaults.server.body_time);
  EXPECT_EQ(config->server.body_idle, defaults.server.body_idle);
  EXPECT_EQ(config->server.idle_time, defaults.server.idle_time);
  EXPECT_EQ(config->server.write_time, defaults.server.write_time);
  EXPECT_EQ(config->server.max_wait, defaults.server.max_wait);
  EXPECT_EQ(config->server.connections, defaults.server.connections);
  EXPECT_EQ(config->server.connections_per_address, defaults.server.connections_per_address);
  EXPECT_EQ(config->server.uploads, defaults.server.uploads);
  EXPECT_EQ(config->service.workers, defaults.service.workers);
  EXPECT_EQ(config->service.queue, defaults.service.queue);
  EXPECT_EQ(config->service.attempts, defaults.service.attempts);
  EXPECT_EQ(config->service.retry_backoff, defaults.service.retry_backoff);
  EXPECT_EQ(config->service.drain, defaults.service.drain);
  EXPECT_EQ(config->service.retention, defaults.service.retention);
  EXPECT_EQ(config->service.skill_roots, defaults.service.skill_roots);
  EXPECT_EQ(config->service.allow_bridge_for_tests, defaults.service.allow_bridge_for_tests);
  EXPECT_EQ(config->service.allow_bridge_for_deps, defaults.service.allow_bridge_for_deps);
  EXPECT_EQ(config->service.allow_deps, defaults.service.allow_deps);
  EXPECT_EQ(config->service.deps_timeout, defaults.service.deps_timeout);
  EXPECT_EQ(config->service.max_test_timeout, defaults.service.max_test_timeout);
  EXPECT_EQ(config->service.attestation_required, defaults.service.attestation_required);
  EXPECT_EQ(config->service.limits.memory_bytes, defaults.service.limits.memory_bytes);
  EXPECT_EQ(config->service.limits.nano_cpus, defaults.service.limits.nano_cpus);
  EXPECT_EQ(config->service.limits.pids, defaults.service.limits.pids);
  EXPECT_EQ(config->service.limits.skill_bytes, defaults.service.limits.skill_bytes);
  EXPECT_EQ(config->service.limits.tmp_bytes, defaults.service.limits.tmp_bytes);
  EXPECT_EQ(config->service.limits.inodes, defaults.service.limits.inodes);
  EXPECT_EQ(config->service.limits.open_files, defaults.service.limits.open_files);
  EXPECT_EQ(config->service.limits.file_bytes, defaults.service.limits.file_bytes);
  EXPECT_EQ(config->service.limits.output_bytes, defaults.service.limits.output_bytes);
  EXPECT_EQ(config->service.package.archive_bytes, defaults.service.package.archive_bytes);
  EXPECT_EQ(config->service.package.expanded_bytes, defaults.service.package.expanded_bytes);
  EXPECT_EQ(config->service.package.file_bytes, defaults.service.package.file_bytes);
  EXPECT_EQ(config->service.package.files, defaults.service.package.files);
  EXPECT_EQ(config->service.package.path_bytes, defaults.service.package.path_bytes);
  EXPECT_EQ(config->service.package.depth, defaults.service.package.depth);
  EXPECT_EQ(config->sandbox.docker_host, defaults.sandbox.docker_host);
  EXPECT_EQ(config->sandbox.pull, defaults.sandbox.pull);
  EXPECT_EQ(config->sandbox.images, defaults.sandbox.images);
  EXPECT_EQ(config->sandbox.prepared_bytes, defaults.sandbox.prepared_bytes);
  EXPECT_EQ(config->sandbox.prepared_images, defaults.sandbox.prepared_images);
  EXPECT_EQ(config->sandbox.concurrent_starts, defaults.sandbox.concurrent_starts);
  EXPECT_EQ(config->dstack.timeout, defaults.dstack.timeout);
  EXPECT_EQ(config->dstack.attempts, defaults.dstack.attempts);
  EXPECT_EQ(config->data_dir, defaults.data_dir);
}

TEST(Config, AnUnknownKeyNamesLineAndNearestKey) {
  EXPECT_EQ(fault_of("workers: 3\nlisten:\n  prot: 80\n"),
            "test.yaml:3: unknown key 'listen.prot'; the nearest known one is 'listen.port'");
}

TEST(Config, ReportsEveryFaultTogether) {
  const std::string faults = fault_of("workers: 0\nlimits:\n  memory: lots\n  pids: [1]\nquue: 3\n");
  EXPECT_NE(faults.find("test.yaml:1: workers: '0' is no integer from 1 to 1024"), std::string::npos) << faults;
  EXPECT_NE(faults.find("test.yaml:3: limits.memory: 'lots' is no size like 512MiB"), std::string::npos) << faults;
  EXPECT_NE(faults.find("test.yaml:4: limits.pids takes one value"), std::string::npos) << faults;
  EXPECT_NE(faults.find("test.yaml:5: unknown key 'quue'; the nearest known one is 'queue'"), std::string::npos)
      << faults;
}

TEST(Config, RefusesWhatIsNoConfigurationFile) {
  EXPECT_NE(fault_of("- a\n- b\n").find("must be a mapping"), std::string::npos);
  EXPECT_NE(fault_of("workers: 1\nworkers: 2\n").find("'workers' stands twice"), std::string::npos);
  EXPECT_NE(fault_of("workers: [\n").find("test.yaml:"), std::string::npos);
  EXPECT_NE(fault_of("skill_roots: [[a]]\n").find("must hold plain texts"), std::string::npos);
  EXPECT_NE(fault_of("{[a]: 1}\n").find("plain word"), std::string::npos);
  EXPECT_EQ(fault_of(""), "");
  EXPECT_EQ(fault_of("workers:\n"), "");
}

TEST(Config, RefusesValuesOutOfRangeOrOfTheWrongKind) {
  for (const char* yaml :
       {"listen: {port: 65536}", "listen: {port: -1}", "listen: {port: 8o}", "workers: 1.5", "limits: {cpus: 0}",
        "limits: {cpus: nan}", "limits: {memory: 1}", "limits: {memory: 512M}", "drain: 10", "drain: -1s", "drain: 1w",
        "storage: postgres", "log: {level: loud}", "log: {format: xml}", "engine: {pull: yes}",
        "retention: 99999999999d", "limits: {memory: 99999999999999999999GiB}"})
    EXPECT_NE(fault_of(yaml), "") << yaml;
}

TEST(Config, AccessIsRefusedWhereItWouldNotMeanWhatItSays) {
  EXPECT_NE(fault_of("access: {submit: everyone}").find("test.yaml:1: access.submit: 'everyone' is none of anyone"),
            std::string::npos);
  for (const char* yaml :
       {"rate: {key: 10}", "rate: {address: 0/s}", "quota: {key: 5/w}", "proxies: {trusted: [10.0.0.1/8]}",
        "proxies: {trusted: [proxy.example]}", "proxies: {header: x-real-ip}", "audit: {sync: often}",
        "concurrency: {key: -1}", "keys: {refresh: 2m}"})
    EXPECT_NE(fault_of(yaml), "") << yaml;
  EXPECT_EQ(fault_of("access: {submit: key, list: anyone}\nrate: {key: off, address: 5/s}\n"
                     "proxies: {trusted: [10.0.0.0/8, '::1'], header: forwarded}\naudit: {file: off, sync: always}\n"),
            "");
}

TEST(Config, ChecksWhatNeedsMoreThanOneKey) {
  EXPECT_NE(fault_of("limits: {memory: 64MiB}").find("must fit into memory"), std::string::npos);
  EXPECT_NE(fault_of("package: {expanded_size: 65MiB}").find("does not fit into limits.skill_size"), std::string::npos);
  EXPECT_NE(fault_of("package: {archive_size: 60MiB}").find("is over http.body_size"), std::string::npos);
  EXPECT_NE(fault_of("attestation: {enabled: false, required: true}").find("contradicts"), std::string::npos);
  EXPECT_NE(fault_of("attestation: {pccs: \"pccs.example\"}").find("attestation.pccs"), std::string::npos);
  EXPECT_NE(fault_of("skill_roots: [examples]").find("not an absolute path"), std::string::npos);
  EXPECT_NE(fault_of("engine: {host: 'ftp://x'}").find("engine.host"), std::string::npos);
  EXPECT_NE(fault_of("runtimes: {}").find("no image is allowed"), std::string::npos);
}

TEST(Config, LooksAtWhatTheKeysPointTo) {
  EXPECT_NE(fault_of("listen: {address: localhost}").find("listen.address: 'localhost' is no IP address"),
            std::string::npos);
  EXPECT_EQ(fault_of("listen: {address: '::1'}"), "");
  EXPECT_NE(fault_of("attestation: {dstack: 'ftp://x'}").find("attestation.dstack: "), std::string::npos);
  EXPECT_NE(fault_of("attestation: {dstack: 'run/dstack.sock'}").find("attestation.dstack: "), std::string::npos);
  EXPECT_EQ(fault_of("attestation: {dstack: /run/dstack.sock}"), "");
  EXPECT_NE(fault_of("skill_roots: [/nonexistent]").find("'/nonexistent' is not a directory"), std::string::npos);
  EXPECT_NE(fault_of("engine: {init: /nonexistent}").find("engine.init: '/nonexistent' is not a file"),
            std::string::npos);
  EXPECT_NE(fault_of("engine: {init: /etc/passwd}").find("engine.init: '/etc/passwd' is not executable"),
            std::string::npos);
  EXPECT_EQ(fault_of("engine: {init: /bin/sh}"), "");
}

TEST(EnvironmentFaults, NameTheNearestKnownVariable) {
  const char* const environment[] = {"SKILL_VERIFIER_WORKRES=2",    "SKILL_VERIFIER_WORKERS=2",
                                     "SKILL_VERIFIER_TEST_IMAGE=x", "WORKRES=2",
                                     "SKILL_VERIFIER_LISTEN_PROT",  nullptr};
  EXPECT_EQ(environment_faults(environment),
            (std::vector<std::string>{
                "environment variable SKILL_VERIFIER_WORKRES: unknown; the nearest known one is SKILL_VERIFIER_WORKERS",
                "environment variable SKILL_VERIFIER_LISTEN_PROT: unknown; the nearest known one is "
                "SKILL_VERIFIER_LISTEN_PORT"}));
}

TEST(Config, AFilesMapReplacesTheDefaultList) {
  const auto config = configure("runtimes:\n  alpine:latest: alpine@sha256:0123\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->sandbox.images, (std::map<std::string, std::string>{{"alpine:latest", "alpine@sha256:0123"}}));
}

TEST(Config, TheEnvironmentIsStrongerThanTheFileAndFlagsAreStrongest) {
  const std::map<std::string, std::string> variables = {{"PORT", "4000"},
                                                        {"SKILL_VERIFIER_WORKERS", "7"},
                                                        {"DOCKER_HOST", "tcp://127.0.0.1:2375"},
                                                        {"SKILL_VERIFIER_SKILL_ROOTS", "/a,/b"}};
  Config config = default_config();
  ASSERT_TRUE(apply_settings(config, *read_settings("listen: {port: 1}\nworkers: 3\nqueue: 9\n", "f")));
  ASSERT_TRUE(apply_settings(config, environment_settings([&](const std::string& name) -> const char* {
                               const auto found = variables.find(name);
                               return found == variables.end() ? nullptr : found->second.c_str();
                             })));
  ASSERT_TRUE(apply_settings(config, {flat_setting("workers", "8", "--set")}));
  EXPECT_EQ(config.server.port, 4000);
  EXPECT_EQ(config.service.workers, 8u);
  EXPECT_EQ(config.service.queue, 9u);
  EXPECT_EQ(config.sandbox.docker_host, "tcp://127.0.0.1:2375");
  EXPECT_EQ(config.service.skill_roots, (std::vector<std::filesystem::path>{"/a", "/b"}));
}

TEST(Config, ABadVariableIsNamed) {
  Config config = default_config();
  const auto applied = apply_settings(config, environment_settings([](const std::string& name) -> const char* {
                                        return name == "PORT" ? "http" : nullptr;
                                      }));
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().message, "environment variable PORT: listen.port: 'http' is no integer from 0 to 65535");
}

TEST(ParseDuration, ReadsEveryUnit) {
  EXPECT_EQ(*parse_duration("0"), 0ms);
  EXPECT_EQ(*parse_duration("250ms"), 250ms);
  EXPECT_EQ(*parse_duration("30s"), 30s);
  EXPECT_EQ(*parse_duration("5m"), 5min);
  EXPECT_EQ(*parse_duration("2h"), 2h);
  EXPECT_EQ(*parse_duration("7d"), 168h);
  for (const char* text : {"", "s", "5", "5 s", "-5s", "5sec", "1e3s"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(ParseSize, ReadsEveryUnit) {
  EXPECT_EQ(*parse_size("1000"), 1000u);
  EXPECT_EQ(*parse_size("64KiB"), 65536u);
  EXPECT_EQ(*parse_size("512MiB"), 512u << 20);
  EXPECT_EQ(*parse_size("1GiB"), 1u << 30);
  for (const char* text : {"", "MiB", "5MB", "5M", "-1", "0x10", "1.5GiB"})
    EXPECT_FALSE(parse_size(text)) << text;
}

}  // namespace
}  // namespace skill_verifier::app
