#include "dcap/evidence/msgpack.hpp"

#include "dcap/evidence_fixture.hpp"

namespace skill_verifier::dcap {
namespace {

using nlohmann::json;

/// As rmp-serde writes an attestation: texts of the event log as `bin`, quote and report data as arrays of numbers.
json event(int imr, std::string_view name, std::string_view payload, const Bytes& digest = {}) {
  return {{"imr", imr},
          {"event_type", imr == 3 ? kRuntimeEventType : 10u},
          {"digest", json::binary(digest)},
          {"event", name},
          {"event_payload", json::binary(Bytes(payload.begin(), payload.end()))}};
}

json runtime_event(std::string_view name, std::string_view payload) {
  return {{"event", name}, {"payload", json::binary(Bytes(payload.begin(), payload.end()))}};
}

json document() {
  return {{"version", 1},
          {"platform",
           {{"kind", "tdx"},
            {"data",
             {{"quote", {4, 0, 255, 128}},
              {"event_log", {event(0, "acpi-rsdp", "ACPI DATA", Bytes(48, 7)), event(3, "app-id", "payload")}}}}}},
          {"stack",
           {{"kind", "dstack"},
            {"data",
             {{"report_data", Bytes(64, 0x5a)},
              {"runtime_events", {runtime_event("app-id", "payload")}},
              {"config", "{}"}}}}}};
}

Result<EvidenceBundle> parse(const json& value) {
  return parse_attestation(json::to_msgpack(value));
}
std::string refusal(const json& value) {
  const auto bundle = parse(value);
  return bundle ? "" : bundle.error().id;
}
json& platform(json& value) {
  return value["platform"]["data"];
}
json& stack(json& value) {
  return value["stack"]["data"];
}

TEST(ParseMsgpackAttestation, ReadsItsParts) {
  const auto bundle = parse(document());
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_EQ(bundle->quote, (Bytes{4, 0, 255, 128}));
  ASSERT_EQ(bundle->event_log.events.size(), 2u);
  EXPECT_EQ(bundle->event_log.events[0].digest->front(), 7);
  EXPECT_EQ(bundle->event_log.events[1].name, "app-id");
  EXPECT_FALSE(bundle->event_log.events[1].digest);
  EXPECT_EQ((*bundle->report_data)[63], 0x5a);
  EXPECT_EQ(bundle->vm_config, "{}");
}

TEST(ParseMsgpackAttestation, TakesByteStringsWhereItTakesArraysAndTheOtherWayRound) {
  auto value = document();
  platform(value)["quote"] = json::binary({4, 0});
  platform(value)["event_log"][1]["event_payload"] = Bytes{1, 200};
  stack(value)["runtime_events"][0]["payload"] = Bytes{1, 200};
  const auto bundle = parse(value);
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_EQ(bundle->quote, (Bytes{4, 0}));
  EXPECT_EQ(bundle->event_log.events[1].payload, (Bytes{1, 200}));
}

TEST(ParseMsgpackAttestation, TakesVersionsAndPreimagesOfEventsAndMembersOfLaterAgents) {
  auto value = document();
  platform(value)["event_log"][1]["version"] = 2;
  platform(value)["event_log"][1]["preimage"] = json::binary({1, 2});
  platform(value)["event_log"][1]["more"] = {{"nested", {-1, 1.5, nullptr, true}}};
  stack(value)["runtime_events"][0]["version"] = 2;
  value["stack"]["kind"] = "dstack-pod";
  stack(value)["report_data_payload"] = "{}";
  const auto bundle = parse(value);
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_EQ(bundle->event_log.events[1].version, 2);
  EXPECT_EQ(bundle->event_log.events[1].preimage, (Bytes{1, 2}));
}

TEST(ParseMsgpackAttestation, RefusesEveryTruncationAndAnyByteMore) {
  auto bytes = json::to_msgpack(document());
  for (std::size_t size = 1; size < bytes.size(); ++size)
    EXPECT_EQ(parse_attestation(ByteView(bytes).first(size)).error().id, "attestation_invalid") << size;
  bytes.push_back(0xc0);
  EXPECT_FALSE(parse_attestation(bytes));
}

TEST(ParseMsgpackAttestation, RefusesTwoListsThatDiffer) {
  auto value = document();
  stack(value)["runtime_events"][0]["payload"] = json::binary({1});
  EXPECT_EQ(refusal(value), "attestation_events_differ");
  value = document();
  stack(value)["runtime_events"][0]["version"] = 2;
  EXPECT_EQ(refusal(value), "attestation_events_differ");
  value = document();
  stack(value)["runtime_events"] = json::array();
  EXPECT_EQ(refusal(value), "attestation_events_differ");
}

TEST(ParseMsgpackAttestation, RefusesOtherPlatformsStacksAndVersions) {
  for (const std::string kind : {"gcp-tdx", "nitro-enclave", "aws-nitro-tpm", "sev-snp", ""}) {
    auto value = document();
    value["platform"]["kind"] = kind;
    EXPECT_EQ(refusal(value), "attestation_platform_unsupported") << kind;
  }
  auto value = document();
  value["stack"]["kind"] = "kettle";
  EXPECT_EQ(refusal(value), "attestation_stack_unsupported");
  for (const json& version : {json(0), json(2), json("1"), json(nullptr)}) {
    value = document();
    value["version"] = version;
    EXPECT_EQ(refusal(value), "attestation_invalid") << version;
  }
}

TEST(ParseMsgpackAttestation, RefusesADocumentWithoutOneOfItsMembers) {
  for (const std::string name : {"version", "platform", "stack"}) {
    auto value = document();
    value.erase(name);
    EXPECT_EQ(refusal(value), "attestation_invalid") << name;
  }
  for (const std::string name : {"quote", "event_log"}) {
    auto value = document();
    platform(value).erase(name);
    EXPECT_EQ(refusal(value), "attestation_invalid") << name;
  }
  for (const std::string name : {"report_data", "runtime_events", "config"}) {
    auto value = document();
    stack(value).erase(name);
    EXPECT_EQ(refusal(value), "attestation_invalid") << name;
  }
}

TEST(ParseMsgpackAttestation, RefusesEventsOutOfBounds) {
  const auto with = [](std::size_t index, const char* name, const json& member) {
    auto value = document();
    platform(value)["event_log"][index][name] = member;
    return refusal(value);
  };
  EXPECT_EQ(with(0, "imr", 4), "attestation_invalid");
  EXPECT_EQ(with(0, "imr", -1), "attestation_invalid");
  EXPECT_EQ(with(0, "event_type", std::uint64_t{1} << 32), "attestation_invalid");
  EXPECT_EQ(with(0, "digest", json::binary({})), "attestation_invalid");
  EXPECT_EQ(with(0, "digest", json::binary(Bytes(47))), "attestation_invalid");
  EXPECT_EQ(with(1, "event", std::string(kMaxEventNameBytes + 1, 'a')), "attestation_invalid");
  EXPECT_EQ(with(1, "event_payload", {1, 256}), "attestation_invalid");
  EXPECT_EQ(with(1, "event_payload", {1, "a"}), "attestation_invalid");
  EXPECT_EQ(with(1, "version", 3), "attestation_invalid");
  auto value = document();
  stack(value)["report_data"] = Bytes(63, 0);
  EXPECT_EQ(refusal(value), "attestation_invalid");
}

TEST(Msgpack, RefusesWhatAShorterFormCouldHaveHeld) {
  EXPECT_FALSE(msgpack::number(Bytes{0xcc, 0x7f}));
  EXPECT_EQ(msgpack::number(Bytes{0xcc, 0x80}), 0x80u);
  EXPECT_FALSE(msgpack::number(Bytes{0xcd, 0x00, 0xff}));
  EXPECT_FALSE(msgpack::number(Bytes{0xce, 0, 0, 0xff, 0xff}));
  EXPECT_FALSE(msgpack::number(Bytes{0xcf, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}));
  EXPECT_FALSE(msgpack::text(Bytes{0xd9, 1, 'a'}));
  EXPECT_FALSE(msgpack::octets(Bytes{0xc5, 0, 1, 'a'}));
  EXPECT_FALSE(msgpack::octets(Bytes{0xdc, 0, 1, 7}));
  EXPECT_FALSE(msgpack::Map::read(Bytes{0xde, 0, 0}));
}

TEST(Msgpack, RefusesANameTwiceAKeyThatIsNoTextAndValuesTooDeep) {
  EXPECT_FALSE(msgpack::Map::read(Bytes{0x82, 0xa1, 'a', 1, 0xa1, 'a', 2}));
  EXPECT_FALSE(msgpack::Map::read(Bytes{0x81, 1, 2}));
  EXPECT_FALSE(msgpack::Map::read(Bytes{0x81, 0xa1, 0xff, 2}));
  Bytes deep{0x81, 0xa1, 'a'};
  deep.insert(deep.end(), 1000, 0x91);
  deep.push_back(0xc0);
  EXPECT_FALSE(msgpack::Map::read(deep));
  // A count that no input could hold makes no memory.
  EXPECT_FALSE(msgpack::octets(Bytes{0xdd, 0xff, 0xff, 0xff, 0xff, 1}));
  EXPECT_FALSE(msgpack::array(Bytes{0xdd, 0xff, 0xff, 0xff, 0xff, 1}, SIZE_MAX));
}

TEST(BundleFixtures, TheMsgpackFormOfOneGuestSaysWhatItsScaleFormSays) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto scale = load_evidence("sim-v0.5.8-attestation.bin");
  json log = json::array(), runtime = json::array();
  for (const auto& entry : scale.event_log.events) {
    const auto payload = core::as_text(entry.payload);
    log.push_back(event(entry.imr, entry.name, payload,
                        entry.digest ? Bytes(entry.digest->begin(), entry.digest->end()) : Bytes()));
    log.back()["event_type"] = entry.type;
    if (entry.imr == 3) runtime.push_back(runtime_event(entry.name, payload));
  }
  auto value = document();
  platform(value) = {{"quote", scale.quote}, {"event_log", log}};
  stack(value)["runtime_events"] = runtime;
  stack(value)["config"] = scale.vm_config;
  const auto bundle = parse(value);
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_EQ(bundle->quote, scale.quote);
  const auto replayed = replay(bundle->event_log);
  EXPECT_EQ(codes(replayed.findings), "");
  for (const auto& row : compare_registers(replayed, measurements_of(bundle->quote).rtmrs))
    EXPECT_EQ(row.verdict, RegisterVerdict::matches) << row.index;
}

}  // namespace
}  // namespace skill_verifier::dcap
