#include "dcap/evidence_fixture.hpp"
#include "skill_verifier/dcap/key_chain.hpp"
#include "skill_verifier/dcap/os_image.hpp"

namespace skill_verifier::dcap {
namespace {

using nlohmann::json;

Bytes with_text(Bytes out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
  return out;
}
void cbor_text(Bytes& out, std::string_view text) {
  if (text.size() < 24)
    out.push_back(static_cast<std::uint8_t>(0x60 + text.size()));
  else
    out.insert(out.end(), {0x78, static_cast<std::uint8_t>(text.size())});
  out = with_text(std::move(out), text);
}
void cbor_digest(Bytes& out, std::string_view name, std::uint8_t fill) {
  cbor_text(out, name);
  out.insert(out.end(), {0x58, 48});
  out.insert(out.end(), 48, fill);
}

/// A version 4 document, as upstream's own golden vector has it.
Bytes document_v4(std::string_view cmdline, std::string_view ovmf = "pre202505") {
  Bytes out = {0xa3};
  cbor_text(out, "version");
  out.push_back(4);
  cbor_text(out, "image");
  out.push_back(0xa4);
  cbor_text(out, "cmdline");
  cbor_text(out, cmdline);
  cbor_digest(out, "kernel_authenticode", 0x22);
  cbor_text(out, "kernel_header_normalized");
  out.push_back(0xf5);
  cbor_digest(out, "initrd_sha384", 0x33);
  cbor_text(out, "tdvf");
  out.push_back(0xa3);
  cbor_text(out, "ovmf");
  cbor_text(out, ovmf);
  cbor_text(out, "mrtd");
  out.push_back(0xa2);
  cbor_digest(out, "single_pass", 0x44);
  cbor_digest(out, "two_pass", 0x55);
  cbor_text(out, "td_hob");
  out.push_back(0x43);
  out.insert(out.end(), {1, 2, 3});
  return out;
}

const std::string kCmdline =
    "console=ttyS0 init=/init panic=1 dstack.rootfs_hash=" + std::string(64, '1') + " dstack.rootfs_size=4096";

TEST(ImageMeasurement, ReadsVersionFourAndMeasuresItsCommandLine) {
  const auto image = parse_image_measurement(document_v4(kCmdline));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(core::to_hex(image->cmdline_sha384),
            "bb4154e6e429e184bc63d544ae5720f868e5859b378b13bab69860e1fc65c09f1b67277bba010841fbe8bc3619e58d58");
  EXPECT_TRUE(image->kernel_header_normalized);
  EXPECT_EQ(image->mrtd_two_pass[0], 0x55);
  EXPECT_EQ(core::to_hex(extend_register(extend_register({}, image->cmdline_sha384), image->initrd_sha384)),
            "2fb6d31492cd2f073fe8fdaa9dbdff4dfdde92bf07f9a16c2b7123ae7be5090007974d33bfe8807ac56974160f8f2948");
}

TEST(ImageMeasurement, RefusesEveryTruncationAndAnyByteMore) {
  auto bytes = document_v4(kCmdline);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(parse_image_measurement(ByteView(bytes).first(size))) << size;
  bytes.push_back(0);
  EXPECT_FALSE(parse_image_measurement(bytes));
}

TEST(ImageMeasurement, RefusesCommandLinesThatNameNoRootfs) {
  EXPECT_FALSE(parse_image_measurement(document_v4("console=ttyS0")));
  EXPECT_FALSE(parse_image_measurement(document_v4(kCmdline + " dstack.rootfs_hash=" + std::string(64, '2'))));
  EXPECT_FALSE(parse_image_measurement(document_v4(kCmdline + "\n")));
}

TEST(ImageMeasurement, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(parse_image_measurement(document_v4(kCmdline, "new202505")).error().id, "measurement_unsupported");
  auto bytes = document_v4(kCmdline);
  bytes[9] = 5;
  EXPECT_EQ(parse_image_measurement(bytes).error().id, "measurement_unsupported");
}

TEST(TdHob, RefusesWitnessesThatLie) {
  constexpr std::uint64_t kMemory = std::uint64_t{2} << 30;
  EXPECT_TRUE(td_hob_digest(hex_bytes("0100010001"), kMemory));
  EXPECT_FALSE(td_hob_digest({}, kMemory));
  EXPECT_FALSE(td_hob_digest(hex_bytes("010000"), kMemory)) << "no range";
  EXPECT_FALSE(td_hob_digest(hex_bytes("0100010000"), kMemory)) << "an empty range";
  EXPECT_FALSE(td_hob_digest(hex_bytes("010001000100"), kMemory)) << "a byte more";
  EXPECT_FALSE(td_hob_digest(hex_bytes("01000200020101"), kMemory)) << "an overlap";
  EXPECT_FALSE(td_hob_digest(hex_bytes("0100010001"), 4096)) << "beyond the memory";
  EXPECT_FALSE(td_hob_digest(hex_bytes("ffffffffffffffffffff7f00010001"), kMemory)) << "overflow";
  EXPECT_FALSE(td_hob_digest(hex_bytes("010001ffffffffffffff7f01"), kMemory)) << "an address out of range";
  EXPECT_FALSE(td_hob_digest(hex_bytes("0100c08401"), kMemory)) << "too many ranges";
}

TEST(ParseVmConfig, RefusesWhatItCannotMean) {
  EXPECT_EQ(parse_vm_config("{}")->variant, OsImageVariant::legacy);
  EXPECT_EQ(parse_vm_config(R"({"tdx_attestation_variant":"new"})").error().id, "vm_config_unsupported");
  for (const std::string text :
       {"", "[]", R"({"os_image_hash":"12"})", R"({"memory_size":-1})", R"({"memory_size":1.5})",
        R"({"qemu_version":9})", R"({"qemu_single_pass_add_pages":0})", R"({"tdx_attestation_variant":"lite"})",
        R"({"tdx_attestation_variant":"lite","tdx_measurement":{"checksum_file":"!","measurement":""}})",
        R"({"vm_config":{}})", R"({"vm_config":"[]"})"}) {
    EXPECT_FALSE(parse_vm_config(text)) << text;
  }
  EXPECT_EQ(parse_vm_config(std::string(kMaxVmConfigBytes + 1, ' ')).error().code, Errc::too_large);
}

TEST(OsImage, ALegacyImageIsNotChecked) {
  const auto check = check_os_image({}, {}, {});
  EXPECT_EQ(check.status, OsImageStatus::not_checked);
  EXPECT_FALSE(check.reason.empty());
}

struct Lite {
  EvidenceBundle bundle = load_evidence("tdx-lite-getquote.json");
  VmConfig config = parse_vm_config(bundle.vm_config).value();
  TdMeasurements quoted = measurements_of(bundle.quote);

  OsImageCheck check() const { return check_os_image(config, bundle.event_log, quoted); }
};

TEST(OsImageFixtures, TheLiteImageIsMeasuredAgain) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const Lite lite;
  const auto check = lite.check();
  EXPECT_EQ(codes(check.findings), "");
  EXPECT_EQ(check.status, OsImageStatus::verified);
  EXPECT_FALSE(check.acpi_tables_verified);
  EXPECT_EQ(core::to_hex(*check.os_image_hash), "e6f5cfec20c02e7b97baa213d0f718020b55e040172d90ccbcb946d56c8b09db");
  ASSERT_EQ(check.rows.size(), 4u);
  for (const auto& row : check.rows)
    EXPECT_TRUE(row.matches()) << row.name;
}

TEST(OsImageFixtures, AStrippedLogSufficesForTheLiteRecipe) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto bundle = load_evidence("tdx-lite-attestation.json");
  const auto config = parse_vm_config(bundle.vm_config);
  ASSERT_TRUE(config) << config.error().message;
  const auto check = check_os_image(*config, bundle.event_log, measurements_of(bundle.quote));
  EXPECT_EQ(check.status, OsImageStatus::verified) << codes(check.findings);
}

TEST(OsImageFixtures, EveryBrokenLinkFailsTheCheck) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto broken = [](const auto& change) {
    Lite lite;
    change(lite);
    const auto check = lite.check();
    EXPECT_EQ(check.status, OsImageStatus::failed);
    return codes(check.findings);
  };
  EXPECT_EQ(broken([](Lite& lite) { (*lite.config.os_image_hash)[0] ^= 1; }), "os_image_hash_mismatch");
  EXPECT_EQ(broken([](Lite& lite) { lite.config.os_image_hash.reset(); }), "os_image_hash_mismatch");
  EXPECT_EQ(broken([](Lite& lite) {
              lite.config.checksum_file.insert(lite.config.checksum_file.end(), lite.config.checksum_file.begin(),
                                               lite.config.checksum_file.end());
              lite.config.os_image_hash = core::sha256(lite.config.checksum_file);
            }),
            "checksum_entry_missing");
  EXPECT_EQ(broken([](Lite& lite) { lite.config.measurement.push_back(0); }), "checksum_mismatch measurement_invalid");
  EXPECT_EQ(broken([](Lite& lite) { lite.config.measurement.back() ^= 1; }), "checksum_mismatch measurement_mismatch");
  EXPECT_EQ(broken([](Lite& lite) { lite.config.memory_size = std::uint64_t{1} << 30; }), "memory_size_unsupported");
  EXPECT_EQ(broken([](Lite& lite) { lite.config.memory_size = std::uint64_t{4} << 30; }), "measurement_mismatch");
  EXPECT_EQ(broken([](Lite& lite) { lite.config.qemu_version = "9.0.0"; }), "measurement_mismatch");
  EXPECT_EQ(broken([](Lite& lite) { lite.config.two_pass_add_pages = false; }), "measurement_mismatch");
  for (const auto* version : {"7.2.0", "8.2", "8.2.2.1", "8.x.1", ""})
    EXPECT_EQ(broken([&](Lite& lite) { lite.config.qemu_version = version; }), "measurement_invalid") << version;
  EXPECT_EQ(broken([](Lite& lite) { lite.bundle.event_log.events.clear(); }), "acpi_events_missing");
  EXPECT_EQ(broken([](Lite& lite) { lite.quoted.mrtd[0] ^= 1; }), "measurement_mismatch");
  for (const std::size_t i : {0u, 1u, 2u})
    EXPECT_EQ(broken([i](Lite& lite) { lite.quoted.rtmrs[i][0] ^= 1; }), "measurement_mismatch");
}

TEST(OsImageFixtures, LegacyGuestsSayTheirHashAndStayUnchecked) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  for (const auto& [name, hash] :
       {std::pair{"verifier-quote-report.json", "14ad42d0270b444eaeb53918a5a94d9b17eec7a817cd336173b17c5327541c67"},
        std::pair{"sim-v0.5.8-attestation.bin", "e61be43dd1cc6a6f5edefd7c51b608983780839b0000ce60dd99737dcffe09b9"}}) {
    const auto bundle = load_evidence(name);
    const auto config = parse_vm_config(bundle.vm_config);
    ASSERT_TRUE(config) << config.error().message;
    const auto check = check_os_image(*config, bundle.event_log, measurements_of(bundle.quote));
    EXPECT_EQ(check.status, OsImageStatus::not_checked);
    EXPECT_EQ(core::to_hex(*check.os_image_hash), hash);
  }
}

TEST(MeasurementPins, AreStrictAndMatchInAllFour) {
  const auto set = [](std::string name, char digit) {
    const std::string value(96, digit);
    return json{{"name", name}, {"mrtd", value}, {"rtmr0", value}, {"rtmr1", value}, {"rtmr2", value}};
  };
  const auto pins = parse_measurement_pins(json::array({set("a", '1'), set("b", '2')}).dump());
  ASSERT_TRUE(pins) << pins.error().message;
  TdMeasurements quoted;
  quoted.mrtd.fill(0x22);
  for (auto& rtmr : quoted.rtmrs)
    rtmr.fill(0x22);
  EXPECT_EQ(match_pins(*pins, quoted).name, "b");
  quoted.rtmrs[1][0] = 0;
  const auto miss = match_pins(*pins, quoted);
  EXPECT_FALSE(miss.name);
  EXPECT_EQ(codes(miss.findings), "measurements_not_pinned");
  EXPECT_NE(miss.findings[0].message.find("nearest is b: rtmr1"), std::string::npos);
  auto extra = set("a", '1');
  extra["rtmr3"] = "";
  auto shorter = set("a", '1');
  shorter["mrtd"] = std::string(94, '1');
  for (const auto& bad :
       {json::array(), json::object(), json::array({1}), json::array({extra}), json::array({shorter}),
        json::array({set("", '1')}), json::array({set("a", 'g')}), json::array({set("a", '1'), set("a", '2')})}) {
    EXPECT_FALSE(parse_measurement_pins(bad.dump())) << bad;
  }
}

RuntimeClaims claims_of(std::uint8_t compose) {
  RuntimeClaims claims;
  claims.app_id = Bytes(20, 0x11);
  claims.compose_hash.emplace().fill(compose);
  claims.key_provider = KeyProvider{"kms", Bytes(32, 0x33)};
  return claims;
}

TEST(MrConfigId, IsComparedInEveryForm) {
  const auto claims = claims_of(0x22);
  core::Digest384 id{};
  EXPECT_EQ(check_mr_config_id(id, claims).form, MrConfigForm::unset);
  id[0] = 1;
  std::fill_n(id.begin() + 1, 32, std::uint8_t{0x22});
  EXPECT_EQ(codes(check_mr_config_id(id, claims).findings), "");
  EXPECT_EQ(codes(check_mr_config_id(id, claims_of(0x23)).findings), "mr_config_mismatch");
  EXPECT_EQ(codes(check_mr_config_id(id, {}).findings), "mr_config_claim_missing");
  id[47] = 1;
  EXPECT_EQ(codes(check_mr_config_id(id, claims).findings), "mr_config_mismatch");
  id[0] = 4;
  EXPECT_EQ(codes(check_mr_config_id(id, claims).findings), "mr_config_unknown");
}

TEST(MrConfigId, BindsTheIdentityWithOrWithoutAPinnedProvider) {
  const auto claims = claims_of(0x22);
  for (const std::size_t id_bytes : {0u, 32u}) {
    Bytes preimage(32, 0x22);
    preimage.insert(preimage.end(), 20, 0x11);
    preimage.push_back(2);
    preimage.insert(preimage.end(), id_bytes, 0x33);
    core::Digest384 id{2};
    std::ranges::copy(keccak256(preimage), id.begin() + 1);
    const auto check = check_mr_config_id(id, claims);
    EXPECT_EQ(codes(check.findings), "");
    EXPECT_TRUE(check.checked);
    EXPECT_EQ(codes(check_mr_config_id(id, claims_of(0x23)).findings), "mr_config_mismatch");
  }
  EXPECT_EQ(codes(check_mr_config_id({2}, {}).findings), "mr_config_claim_missing");
}

core::Digest384 document_id(const std::string& document) {
  core::Digest384 id{3};
  std::ranges::copy(core::sha256(core::as_bytes(std::string("dstack-mr-config-v3:") + '\0' + document)),
                    id.begin() + 1);
  return id;
}

TEST(MrConfigId, BindsADocumentWhoseClaimsAreComparedToo) {
  const auto claims = claims_of(0x22);
  const std::string document = json{{"app_id", std::string(40, '1')},
                                    {"compose_hash", std::string(64, '2')},
                                    {"key_provider", "kms"},
                                    {"version", 3}}
                                   .dump();
  const auto id = document_id(document);
  EXPECT_FALSE(check_mr_config_id(id, claims).checked);
  EXPECT_EQ(codes(check_mr_config_id(id, claims, document).findings), "");
  EXPECT_EQ(codes(check_mr_config_id(id, claims_of(0x23), document).findings), "mr_config_mismatch");
  EXPECT_EQ(codes(check_mr_config_id(id, claims, document + " ").findings), "mr_config_mismatch");
  EXPECT_EQ(codes(check_mr_config_id(id, claims, "[]").findings), "mr_config_document_invalid");
}

TEST(MrConfigId, ComparesInstanceProviderAndGpuPolicyWhereTheDocumentBindsThem) {
  auto claims = claims_of(0x22);
  claims.instance_id = Bytes(20, 0x44);
  claims.gpu_policy_hash.emplace().fill(0x55);
  json document = {{"app_id", std::string(40, '1')},
                   {"compose_hash", std::string(64, '2')},
                   {"key_provider", "kms"},
                   {"key_provider_id", std::string(64, '3')},
                   {"instance_id", std::string(40, '4')},
                   {"gpu_policy_hash", std::string(64, '5')},
                   {"version", 3}};
  const auto found = [&](const json& value) {
    return codes(check_mr_config_id(document_id(value.dump()), claims, value.dump()).findings);
  };
  EXPECT_EQ(found(document), "");
  for (const std::string name : {"key_provider_id", "instance_id", "gpu_policy_hash"}) {
    auto other = document;
    other[name] = "99";
    EXPECT_EQ(found(other), "mr_config_mismatch") << name;
    other[name] = "";
    EXPECT_EQ(found(other), "") << name;
    other.erase(name);
    EXPECT_EQ(found(other), "") << name;
  }
  document["key_provider"] = "tpm";
  EXPECT_EQ(found(document), "mr_config_mismatch");
}

}  // namespace
}  // namespace skill_verifier::dcap
