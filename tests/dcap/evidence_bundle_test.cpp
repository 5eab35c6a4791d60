#include "skill_verifier/dcap/evidence_bundle.hpp"

#include "dcap/evidence_fixture.hpp"
#include "skill_verifier/dcap/app_compose.hpp"
#include "skill_verifier/dcap/os_image.hpp"

namespace skill_verifier::dcap {
namespace {

using nlohmann::json;

void compact(Bytes& out, std::size_t value) {
  ASSERT_LT(value, 1u << 14);
  if (value < 64) {
    out.push_back(static_cast<std::uint8_t>(value << 2));
  } else {
    out.push_back(static_cast<std::uint8_t>(value << 2 | 1));
    out.push_back(static_cast<std::uint8_t>(value >> 6));
  }
}
void field(Bytes& out, std::string_view text) {
  compact(out, text.size());
  out.insert(out.end(), text.begin(), text.end());
}

/// A SCALE attestation with one runtime event, which the second list repeats under `second_name`.
Bytes scale(std::string_view second_name = "app-id") {
  Bytes out = {0, 0};
  field(out, "the quote");
  compact(out, 1);
  out.insert(out.end(), {3, 0, 0, 0, 1, 0, 0, 8});
  field(out, "");
  field(out, "app-id");
  field(out, "payload");
  compact(out, 1);
  field(out, second_name);
  field(out, "payload");
  out.insert(out.end(), 64, 0x5a);
  field(out, "{}");
  return out;
}

TEST(ParseAttestation, ReadsItsParts) {
  const auto bundle = parse_attestation(scale());
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_EQ(core::as_text(bundle->quote), "the quote");
  ASSERT_EQ(bundle->event_log.events.size(), 1u);
  EXPECT_EQ(bundle->event_log.events[0].name, "app-id");
  EXPECT_EQ((*bundle->report_data)[63], 0x5a);
  EXPECT_EQ(bundle->vm_config, "{}");
}

TEST(ParseAttestation, RefusesEveryTruncationAndAnyByteMore) {
  auto bytes = scale();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(parse_attestation(ByteView(bytes).first(size)).error().id, "attestation_invalid") << size;
  bytes.push_back(0);
  EXPECT_FALSE(parse_attestation(bytes));
}

TEST(ParseAttestation, RefusesTwoListsThatDiffer) {
  EXPECT_EQ(parse_attestation(scale("app-ie")).error().id, "attestation_events_differ");
}

TEST(ParseAttestation, RefusesLengthsLongerThanNeeded) {
  // 9 << 2 | 1 in two bytes says the same as 9 << 2 in one.
  auto bytes = scale();
  bytes[2] = 9 << 2 | 1;
  bytes.insert(bytes.begin() + 3, 0);
  EXPECT_FALSE(parse_attestation(bytes));
}

TEST(ParseAttestation, NamesWhatItDoesNotRead) {
  EXPECT_EQ(parse_attestation(Bytes{0, 3}).error().id, "attestation_platform_unsupported");
  EXPECT_EQ(parse_attestation(Bytes{7, 3}).error().id, "attestation_invalid");
  EXPECT_EQ(parse_attestation(Bytes(kMaxAttestationBytes + 1)).error().code, Errc::too_large);
}

TEST(ParseEvidenceBundle, TakesTheAgentsAnswer) {
  const auto bundle = parse_evidence_bundle(R"({"quote":"0x0400","event_log":"[]","vm_config":"{}","attestation":""})");
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_EQ(bundle->quote, (Bytes{4, 0}));
  EXPECT_EQ(bundle->vm_config, "{}");
  EXPECT_FALSE(bundle->report_data);
  EXPECT_TRUE(bundle->has_event_log);
}

TEST(ParseEvidenceBundle, RefusesAnAttestationOfAnotherQuoteBesideTheQuote) {
  const auto with = [](std::string_view quote, const Bytes& attestation, const char* log) {
    return parse_evidence_bundle(R"({"quote":")" + core::to_hex(core::as_bytes(quote)) + R"(","event_log":)" + log +
                                 R"(,"attestation":")" + core::to_hex(attestation) + R"("})");
  };
  EXPECT_TRUE(with("the quote", scale(), R"("[]")"));
  EXPECT_EQ(with("a quote", scale(), R"("[]")").error().id, "evidence_ambiguous");
  EXPECT_EQ(with("the quote", Bytes{0}, R"("[]")").error().id, "attestation_invalid");
  const auto lent = with("the quote", scale(), "null");
  ASSERT_TRUE(lent);
  EXPECT_TRUE(lent->has_event_log);
  EXPECT_EQ(lent->event_log.events.size(), 1u);
}

TEST(ParseEvidenceBundle, SaysWhereAQuoteCameWithoutAnEventLog) {
  for (const std::string log : {"", R"(,"event_log":null)", R"(,"event_log":"")"}) {
    const auto bundle = parse_evidence_bundle(R"({"quote":"04")" + log + "}");
    ASSERT_TRUE(bundle) << log;
    EXPECT_FALSE(bundle->has_event_log) << log;
  }
}

TEST(ParseEvidenceBundle, RefusesWhatIsNotEvidence) {
  for (const std::string text :
       {"", "[]", "{}", R"({"quote":""})", R"({"quote":"040"})", R"({"quote":"zz"})", R"({"quote":1})",
        R"({"quote":"04","event_log":[]})", R"({"quote":"04","event_log":"[]","report_data":"12"})",
        R"({"quote":"04","event_log":"[]","vm_config":{}})", R"({"attestation":"zz"})"}) {
    EXPECT_FALSE(parse_evidence_bundle(text)) << text;
  }
}

TEST(BundleFixtures, TheTwoFormsOfOneGuestAgree) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto scale_form = load_evidence("tdx-lite-attestation.json");
  const auto json_form = load_evidence("tdx-lite-getquote.json");
  EXPECT_EQ(scale_form.quote, json_form.quote);
  EXPECT_EQ(scale_form.report_data, json_form.report_data);
  const auto decoded = load_evidence("sim-v0.5.8-decoded.json");
  const auto blob = load_evidence("sim-v0.5.8-attestation.bin");
  EXPECT_EQ(decoded.quote, blob.quote);
  EXPECT_EQ(decoded.vm_config, blob.vm_config);
  EXPECT_EQ(replay(decoded.event_log).registers[3].value, replay(blob.event_log).registers[3].value);
}

TEST(BundleFixtures, ASevSnpAttestationIsAnUnsupportedPlatform) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto bundle = parse_evidence_bundle(fixture_text("sev-snp-attestation.json"));
  ASSERT_FALSE(bundle);
  EXPECT_EQ(bundle.error().id, "attestation_platform_unsupported");
}

TEST(AppCompose, OnlyTheMeasuredBytesWillDo) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto claims = replay(load_evidence("sim-v0.5.3-quote.hex + sim-v0.5.3-eventlog.json").event_log).claims;
  const auto good = check_app_compose(fixture_text("sim-v0.5.0-app-compose.measured.json"), claims);
  ASSERT_TRUE(good);
  EXPECT_EQ(codes(good->findings), "");
  EXPECT_TRUE(good->app_id_is_hash_prefix);
  for (const auto* name : {"sim-v0.5.0-app-compose.json", "sim-v0.5.3-app-compose.json"})
    EXPECT_EQ(codes(check_app_compose(fixture_text(name), claims)->findings), "compose_hash_mismatch") << name;
  const auto other = replay(load_evidence("sim-v0.5.8-attestation.bin").event_log).claims;
  EXPECT_EQ(codes(check_app_compose(fixture_text("sim-v0.5.8-app-compose.json"), other)->findings),
            "compose_hash_mismatch");
}

TEST(AppCompose, HasALimitAndNeedsAClaim) {
  EXPECT_EQ(check_app_compose(std::string(kMaxAppComposeBytes + 1, ' '), {}).error().code, Errc::too_large);
  EXPECT_EQ(codes(check_app_compose("{}", {})->findings), "compose_hash_missing");
}

}  // namespace
}  // namespace skill_verifier::dcap
