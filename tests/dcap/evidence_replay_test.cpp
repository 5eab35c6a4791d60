#include "dcap/evidence_fixture.hpp"

namespace skill_verifier::dcap {
namespace {

using nlohmann::json;

LogEvent runtime_event(std::string name, Bytes payload = {}) {
  LogEvent event;
  event.imr = 3;
  event.type = kRuntimeEventType;
  event.name = std::move(name);
  event.payload = std::move(payload);
  return event;
}

Bytes text_bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

/// The log of a guest that booted as it should.
EventLog booted() {
  return {{runtime_event("system-preparing"), runtime_event("app-id", Bytes(20, 0xa1)),
           runtime_event("compose-hash", Bytes(32, 0xc0)), runtime_event("instance-id", Bytes(20, 0x1d)),
           runtime_event("boot-mr-done"), runtime_event("key-provider", text_bytes(R"({"name":"none","id":""})")),
           runtime_event("system-ready")}};
}

std::string found(const EventLog& log) {
  return codes(replay(log).findings);
}

TEST(Replay, AcceptsAGuestThatBootedAsItShould) {
  const auto result = replay(booted());
  EXPECT_EQ(codes(result.findings), "");
  EXPECT_EQ(result.claims.app_id, Bytes(20, 0xa1));
  EXPECT_EQ(result.claims.key_provider->name, "none");
  EXPECT_TRUE(result.claims.system_ready);
  EXPECT_EQ(result.registers[3].events, 7u);
}

TEST(Replay, GivesTheKnownDigestsOfVersionOne) {
  EXPECT_EQ(core::to_hex(*runtime_event_digest("system-ready", {}, 1)),
            "1a76b2a80a0be71eae59f80945d876351a7a3fb8e9fd1ff1cede5734aa84ea11fd72b4edfbb6f04e5a85edd114c751bd");
}

TEST(Replay, GivesTheKnownDigestsOfVersionTwo) {
  EXPECT_EQ(core::to_hex(*runtime_event_digest("compose-hash", hex_bytes("abcd"), 2)),
            "9dde1673f544faa94b921825209593ddde08d0baf9cd6990175dffaf3081f1bb10311d56de189491feb33842a050ad7b");
  EXPECT_FALSE(runtime_event_digest("compose-hash", {}, 3));
}

TEST(Replay, RefusesEventsOutOfOrder) {
  auto log = booted();
  std::swap(log.events[1], log.events[2]);
  EXPECT_EQ(found(log), "event_out_of_order");
}

TEST(Replay, RefusesASecondComposeHashAndKeepsTheFirst) {
  auto log = booted();
  log.events.insert(log.events.begin() + 3, runtime_event("compose-hash", Bytes(32, 0xee)));
  const auto result = replay(log);
  EXPECT_EQ(codes(result.findings), "event_duplicate");
  EXPECT_EQ((*result.claims.compose_hash)[0], 0xc0);
}

TEST(Replay, RefusesAKnownNameAfterSystemReady) {
  auto log = booted();
  log.events.push_back(runtime_event("compose-hash", Bytes(32, 0xee)));
  const auto result = replay(log);
  EXPECT_EQ(codes(result.findings), "event_duplicate");
  EXPECT_EQ((*result.claims.compose_hash)[0], 0xc0);
}

TEST(Replay, RefusesAClaimThatOnlyTheAppMade) {
  auto log = booted();
  log.events.erase(log.events.begin() + 1);
  log.events.push_back(runtime_event("app-id", Bytes(20, 0xee)));
  const auto result = replay(log);
  EXPECT_TRUE(has_finding(result.findings, "event_duplicate"));
  EXPECT_FALSE(result.claims.app_id);
}

TEST(Replay, ListsAppEventsApart) {
  auto log = booted();
  log.events.push_back(runtime_event("MY_EVENT", text_bytes("x")));
  const auto result = replay(log);
  EXPECT_EQ(codes(result.findings), "");
  ASSERT_EQ(result.app_events.size(), 1u);
  EXPECT_EQ(result.app_events[0].name, "MY_EVENT");
}

TEST(Replay, RefusesAnUnknownNameBeforeSystemReady) {
  auto log = booted();
  log.events.insert(log.events.begin() + 2, runtime_event("rootfs-hash", Bytes(32, 1)));
  EXPECT_EQ(found(log), "event_unknown");
}

TEST(Replay, NamesEveryEventThatIsMissing) {
  EXPECT_EQ(replay({}).findings.size(), 7u);
  auto log = booted();
  log.events.pop_back();
  EXPECT_EQ(found(log), "event_missing");
}

TEST(Replay, RefusesAWrongSuppliedDigestAndStillRecomputes) {
  auto log = booted();
  log.events[2].digest = core::Digest384{};
  const auto result = replay(log);
  EXPECT_EQ(codes(result.findings), "event_digest_mismatch");
  EXPECT_EQ(result.registers[3].value, replay(booted()).registers[3].value);
}

TEST(Replay, RefusesAWrongPreimage) {
  auto log = booted();
  log.events[2].preimage = Bytes{1};
  EXPECT_EQ(found(log), "event_preimage_mismatch");
}

TEST(Replay, RefusesAColonInAVersionOneName) {
  auto log = booted();
  log.events.push_back(runtime_event("app:a", text_bytes("b")));
  EXPECT_EQ(found(log), "event_name_ambiguous");
  log.events.back().version = 2;
  EXPECT_EQ(found(log), "");
}

TEST(Replay, RefusesRuntimeEventsInAnotherRegister) {
  auto log = booted();
  auto event = runtime_event("app-id", Bytes(20, 1));
  event.imr = 2;
  event.digest = core::Digest384{};
  log.events.push_back(event);
  EXPECT_EQ(found(log), "event_wrong_register");
  log.events.back() = runtime_event("MY_EVENT");
  log.events.back().type = 6;
  EXPECT_EQ(found(log), "event_wrong_register");
}

TEST(Replay, RefusesPayloadsOfAnotherSize) {
  for (const std::size_t index : {0u, 1u, 2u, 3u, 4u, 5u, 6u}) {
    auto log = booted();
    log.events[index].payload.push_back(0);
    EXPECT_EQ(found(log), "event_payload_invalid") << index;
  }
}

TEST(Replay, TakesAnAppWithoutInstanceId) {
  auto log = booted();
  log.events[3].payload.clear();
  EXPECT_EQ(found(log), "");
}

TEST(Replay, CountsInitScriptsUpToFive) {
  auto log = booted();
  for (int i = 0; i < 5; ++i)
    log.events.insert(log.events.begin() + 3, runtime_event("init-script-hash", Bytes(32, 1)));
  EXPECT_EQ(found(log), "");
  log.events.insert(log.events.begin() + 3, runtime_event("init-script-hash", Bytes(32, 1)));
  EXPECT_EQ(found(log), "event_duplicate");
}

TEST(Replay, NeverPassesAStrippedRegister) {
  const auto result = replay(booted());
  std::array<core::Digest384, 4> quoted{};
  quoted[0][0] = quoted[1][0] = 1;
  quoted[3] = result.registers[3].value;
  const auto rows = compare_registers(result, quoted);
  EXPECT_EQ(rows[0].verdict, RegisterVerdict::not_replayable);
  EXPECT_EQ(rows[2].verdict, RegisterVerdict::matches);
  EXPECT_EQ(rows[3].verdict, RegisterVerdict::matches);
  quoted[3][0] ^= 1;
  EXPECT_EQ(compare_registers(result, quoted)[3].verdict, RegisterVerdict::differs);
}

TEST(ParseEventLog, RefusesWhatIsNotALog) {
  const auto entry = [](const json& changes) {
    json event = {
        {"imr", 0}, {"event_type", 4}, {"digest", std::string(96, 'a')}, {"event", ""}, {"event_payload", ""}};
    event.update(changes);
    return json::array({event}).dump();
  };
  EXPECT_TRUE(parse_event_log(entry(json::object())));
  for (const auto& changes :
       {json{{"imr", 4}}, json{{"imr", -1}}, json{{"imr", "0"}}, json{{"imr", 0.5}}, json{{"event_type", 4294967296}},
        json{{"digest", "aa"}}, json{{"digest", ""}}, json{{"digest", std::string(95, 'a')}}, json{{"event", 1}},
        json{{"event", std::string(257, 'a')}}, json{{"event_payload", "zz"}}, json{{"event_payload", "abc"}},
        json{{"version", 3}}, json{{"version", 0}}, json{{"preimage", "q"}}}) {
    const auto log = parse_event_log(entry(changes));
    ASSERT_FALSE(log) << changes;
    EXPECT_EQ(log.error().id, "event_log_invalid") << changes;
  }
  for (const std::string text : {"", "{}", "[1]", "[[]]", "\"[]\"", "[]x", R"([{"imr":0,"imr":0}])"})
    EXPECT_FALSE(parse_event_log(text)) << text;
}

TEST(ParseEventLog, HasLimits) {
  EXPECT_EQ(parse_event_log(std::string(kMaxEventLogBytes + 1, ' ')).error().code, Errc::too_large);
  std::string many = "[0";
  for (std::size_t i = 0; i < kMaxEventLogEntries; ++i)
    many += ",0";
  EXPECT_EQ(parse_event_log(many + "]").error().code, Errc::too_large);
  const auto large = json::array({{{"imr", 3},
                                   {"event_type", kRuntimeEventType},
                                   {"event", "a"},
                                   {"event_payload", std::string(2 * kMaxEventPayloadBytes + 2, 'a')}}});
  EXPECT_EQ(parse_event_log(large.dump()).error().code, Errc::too_large);
}

TEST(ReplayFixtures, GiveTheVectorsOfRuntimeEvents) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto file = fixture_json("runtime-event-vectors.json");
  int count = 0;
  for (const auto* list : {"vectors", "v1_ambiguity_demo"}) {
    for (const auto& vector : file[list]) {
      const auto digest =
          runtime_event_digest(vector["event"].get<std::string>(), hex_bytes(vector["payload"].get<std::string>()),
                               vector["version"].get<int>());
      ASSERT_TRUE(digest);
      EXPECT_EQ(core::to_hex(*digest), vector["digest"].get<std::string>());
      EXPECT_EQ(core::to_hex(extend_register({}, *digest)), vector["rtmr3_after_only_this_event"].get<std::string>());
      ++count;
    }
  }
  EXPECT_EQ(count, 16);
}

TEST(ReplayFixtures, SayWhatIsExpected) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto expected = fixture_json("expected.json");
  int count = 0;
  for (const auto& [name, answers] : expected.items()) {
    if (!answers.contains("app_info")) continue;
    SCOPED_TRACE(name);
    ++count;
    const auto bundle = load_evidence(name);
    EXPECT_EQ(core::to_hex(core::sha256(bundle.quote)), answers["quote_sha256"].get<std::string>());
    auto quoted = measurements_of(bundle.quote);
    const auto result = replay(bundle.event_log);
    EXPECT_EQ(codes(result.findings), "");
    const auto rows = compare_registers(result, quoted.rtmrs);
    for (std::size_t i = 0; i < 4; ++i) {
      const bool matches = answers["rtmr_match"][i] == true;
      EXPECT_EQ(rows[i].verdict, matches ? RegisterVerdict::matches : RegisterVerdict::not_replayable) << i;
      if (answers.contains("event_count_per_imr")) {
        EXPECT_EQ(result.registers[i].events, answers["event_count_per_imr"][i].get<std::size_t>());
      }
    }
    const auto& info = answers["app_info"];
    const auto& claims = result.claims;
    EXPECT_EQ(core::to_hex(*claims.app_id), info["app_id"].get<std::string>());
    EXPECT_EQ(core::to_hex(*claims.compose_hash), info["compose_hash"].get<std::string>());
    EXPECT_EQ(core::to_hex(*claims.instance_id), info["instance_id"].get<std::string>());
    EXPECT_EQ(core::as_text(*claims.key_provider_payload), info["key_provider"].get<std::string>());
    EXPECT_EQ(claims.storage_fs, info["storage_fs"].get<std::string>());
    if (info["os_image_hash_event"].is_null())
      EXPECT_FALSE(claims.os_image_hash);
    else
      EXPECT_EQ(core::to_hex(*claims.os_image_hash), info["os_image_hash_event"].get<std::string>());
    EXPECT_EQ(core::to_hex(mr_system(quoted, claims.key_provider_payload)), info["mr_system"].get<std::string>());
    EXPECT_EQ(core::to_hex(mr_aggregated(quoted)), info["mr_aggregated"].get<std::string>());
    const auto config = check_mr_config_id(quoted.mr_config_id, claims);
    EXPECT_EQ(codes(config.findings), "");
    EXPECT_EQ(config.checked, quoted.mr_config_id != core::Digest384{});
    quoted.rtmrs[3] = result.boot_rtmr3;
    EXPECT_EQ(core::to_hex(mr_aggregated(quoted)), info["mr_aggregated_boottime"].get<std::string>());
  }
  EXPECT_EQ(count, 5);
}

TEST(ReplayFixtures, KeepTheMinersEventApart) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto result = replay(load_evidence("verifier-quote-report.json").event_log);
  ASSERT_EQ(result.app_events.size(), 1u);
  EXPECT_EQ(result.app_events[0].name, "LIUM_MINER_HOTKEY");
}

TEST(ReplayFixtures, AnyChangeOfRtmr3IsSeen) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto bundle = load_evidence("verifier-quote-report.json");
  const auto quoted = measurements_of(bundle.quote).rtmrs;
  const auto verdict = [&](const EventLog& log) { return compare_registers(replay(log), quoted)[3].verdict; };
  ASSERT_EQ(verdict(bundle.event_log), RegisterVerdict::matches);
  for (std::size_t i = 0; i < bundle.event_log.events.size(); ++i) {
    if (bundle.event_log.events[i].imr != 3) continue;
    auto changed = bundle.event_log;
    changed.events[i].payload.push_back(0);
    EXPECT_EQ(verdict(changed), RegisterVerdict::differs);
    changed = bundle.event_log;
    changed.events[i].name = "compose-hash";
    if (bundle.event_log.events[i].name != "compose-hash") {
      EXPECT_EQ(verdict(changed), RegisterVerdict::differs);
      const auto result = replay(changed);
      EXPECT_FALSE(result.findings.empty());
    }
    changed = bundle.event_log;
    if (i + 1 < changed.events.size()) {
      std::swap(changed.events[i], changed.events[i + 1]);
      EXPECT_EQ(verdict(changed), RegisterVerdict::differs);
    }
  }
}

TEST(ReplayFixtures, ASampleCcelReplays) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto bytes = fixture_text("ccel-sample.bin");
  const auto log = parse_ccel(core::as_bytes(bytes));
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ(log->events.size(), 18u);
  const auto result = replay(*log);
  const auto answers = fixture_json("expected.json")["ccel-sample.bin"];
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(core::to_hex(result.registers[static_cast<std::size_t>(i)].value),
              answers["rtmr" + std::to_string(i)].get<std::string>());
  for (const std::size_t size : {0u, 31u, 40u, 64u, 69u, 140u, 300u})
    EXPECT_FALSE(parse_ccel(core::as_bytes(bytes).first(size))) << size;
}

}  // namespace
}  // namespace skill_verifier::dcap
