// Verification in a world of our own: one thing wrong at a time, and the code that must name it.
#include "test_pki/world.hpp"

#include <gtest/gtest.h>

#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::dcap {
namespace {

Verification check(const test_pki::World& world, const test_pki::QuoteSpec& quote = {}, const Policy& policy = {}) {
  const auto collateral = parse_collateral(world.collateral.to_json());
  EXPECT_TRUE(collateral);
  return verify(world.quote(quote), *collateral, TrustRoot{world.chain.root.der}, world.now, policy);
}

std::string code(const test_pki::World& world, const test_pki::QuoteSpec& quote = {}) {
  return check(world, quote, Policy{.accepted = all_tcb_statuses(), .service_td = std::nullopt}).code;
}

std::string code_after(auto change) {
  test_pki::WorldSpec spec;
  change(spec);
  return code(test_pki::make_world(spec));
}

const test_pki::World& world() {
  static const auto kWorld = test_pki::make_world();
  return kWorld;
}

test_pki::QuoteSpec td15() {
  test_pki::QuoteSpec spec;
  spec.version = 5;
  spec.body_type = 3;
  return spec;
}

TEST(VerifyWorld, AcceptsWhatNobodyChanged) {
  for (const auto& quote : {test_pki::QuoteSpec{}, td15()}) {
    const auto found = check(world(), quote);
    EXPECT_TRUE(found.ok) << found.code << ": " << found.message;
    EXPECT_EQ(found.status, TcbStatus::up_to_date);
    EXPECT_EQ(found.fmspc, "90C06F000000");
    EXPECT_EQ(found.evaluation_data_number, 17u);
    EXPECT_EQ(found.tcb_date, "2024-03-13T00:00:00Z");
    EXPECT_EQ(found.steps.size(), 13u);
    for (const auto& step : found.steps)
      EXPECT_TRUE(step.passed) << step.name << ": " << step.detail;
  }
}

TEST(VerifyWorld, TrustsNoRootButThePinnedOne) {
  const auto collateral = parse_collateral(world().collateral.to_json());
  const auto found = verify(world().quote(), *collateral, intel_root(), world().now);
  EXPECT_FALSE(found.ok);
  EXPECT_EQ(found.code, "ROOTCRL_ISSUER");
  EXPECT_TRUE(intel_root().is_intel());
  EXPECT_FALSE(TrustRoot{world().chain.root.der}.is_intel());
}

TEST(VerifyWorld, NamesTheRuleThatTheCollateralBreaks) {
  using Spec = test_pki::WorldSpec;
  EXPECT_EQ(code_after([](Spec& s) { s.revoke_tcb_signing = true; }), "TCB_CERT_REVOKED");
  EXPECT_EQ(code_after([](Spec& s) { s.revoke_ca = true; }), "PCKCA_REVOKED");
  EXPECT_EQ(code_after([](Spec& s) { s.revoke_pck = true; }), "PCK_REVOKED");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_signing.common_name = "Intel SGX PCK Certificate"; }), "TCB_CN");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_signing_constraints.ca = true; }), "TCB_IS_CA");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_signing_usage = {test_pki::KeyUsage::crl_sign}; }), "TCB_KEYUSAGE");
  EXPECT_EQ(code_after([](Spec& s) { s.chain.ca.common_name = "Some Other CA"; }), "PCKCA_CN");
  EXPECT_EQ(code_after([](Spec& s) { s.chain.pck.common_name = "Some Other Leaf"; }), "PCK_CN");
  EXPECT_EQ(code_after([](Spec& s) { s.chain.sgx.ppid.pop_back(); }), "PCK_EXT");
  EXPECT_EQ(code_after([](Spec& s) { s.chain.sgx.platform_instance_id.reset(); }), "PCK_EXT");
  EXPECT_EQ(code_after([](Spec& s) { s.chain.sgx.configuration.reset(); }), "PCK_EXT");
  EXPECT_EQ(code_after([](Spec& s) {
              s.chain.sgx.platform_instance_id.reset();
              s.chain.sgx.configuration.reset();
            }),
            "");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.id = "SGX"; }), "TCB_ID");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.version = 2; }), "TCB_VERSION");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.tcb_type = 1; }), "TCB_TYPE");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.issue_date = "2025-02-30T00:00:00Z"; }), "TCB_DATE");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.fmspc = "00806F050000"; }), "TCB_FMSPC_MISMATCH");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.pce_id = "0001"; }), "TCB_PCEID_MISMATCH");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.fmspc = "00806F0500"; }), "TCB_FIELD");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.next_update = "2025-01-14T23:59:59Z"; }), "TCB_EXPIRED");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.issue_date = "2025-01-15T00:00:01Z"; }), "TCB_NOT_YET_VALID");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.levels[0].sgx[0] = 256; }), "TCB_FIELD");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.levels[0].status = "Fine"; }), "TCB_STATUS_UNKNOWN");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.levels[0].sgx[15] = 1; }), "TCB_NOT_SUPPORTED");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.levels[0].pce_svn = 14; }), "TCB_NOT_SUPPORTED");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.identities.clear(); }), "TCB_MODULE_UNKNOWN");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.identities[0].levels[0].isv_svn = 6; }), "TCB_MODULE_NOT_SUPPORTED");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.identities[0].mr_signer.back() = '1'; }), "TD_MRSIGNERSEAM");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info.identities[0].attributes.back() = '1'; }), "TD_SEAMATTRIBUTES");
  EXPECT_EQ(code_after([](Spec& s) { s.qe_identity.id = "QE"; }), "QEID_ID");
  EXPECT_EQ(code_after([](Spec& s) { s.qe_identity.version = 3; }), "QEID_VERSION");
  EXPECT_EQ(code_after([](Spec& s) { s.qe_identity.mr_signer = std::string(64, '0'); }), "QE_MRSIGNER");
  EXPECT_EQ(code_after([](Spec& s) { s.qe_identity.isv_prod_id = 1; }), "QE_PRODID");
  EXPECT_EQ(code_after([](Spec& s) { s.qe_identity.misc_select = "00000001"; }), "QE_MISCSELECT");
  EXPECT_EQ(code_after([](Spec& s) { s.qe_identity.attributes[1] = '0'; }), "QE_ATTRIBUTES");
  EXPECT_EQ(code_after([](Spec& s) { s.qe_identity.levels[0].isv_svn = 7; }), "QE_SVN_NOT_SUPPORTED");
  EXPECT_EQ(code_after([](Spec& s) { s.crl_end = std::chrono::sys_days(std::chrono::year{2025} / 1 / 14); }),
            "ROOTCRL_EXPIRED");
  EXPECT_EQ(code_after([](Spec& s) { s.tcb_info_text = R"({"id":"TDX","id":"TDX"})"; }), "TCB_JSON");
  EXPECT_EQ(code_after([](Spec& s) { s.qe_identity_text = R"({"id":1.0})"; }), "QEID_JSON");
}

TEST(VerifyWorld, NamesTheRuleThatTheQuoteBreaks) {
  const auto code_with = [](auto change) {
    auto spec = td15();
    change(spec);
    return code(world(), spec);
  };
  using Spec = test_pki::QuoteSpec;
  EXPECT_EQ(code_with([](Spec& s) { s.td.td_attributes[0] = 1; }), "TD_DEBUG");
  EXPECT_EQ(code_with([](Spec& s) { s.td.td_attributes[0] = 2; }), "TD_ATTR_TUD");
  EXPECT_EQ(code_with([](Spec& s) { s.td.td_attributes[4] = 0x80; }), "TD_ATTR_RESERVED");
  EXPECT_EQ(code_with([](Spec& s) { s.td.td_attributes[3] = 0; }), "TD_SEPT_VE_DISABLE");
  EXPECT_EQ(code_with([](Spec& s) { s.td.td_attributes[7] = 0x80; }), "");
  EXPECT_EQ(code_with([](Spec& s) { s.td.mr_service_td[0] = 1; }), "TD_SERVICE_TD");
  EXPECT_EQ(code_with([](Spec& s) { s.td.seam_attributes[0] = 1; }), "TD_SEAMATTRIBUTES");
  EXPECT_EQ(code_with([](Spec& s) { s.td.mr_signer_seam[0] = 1; }), "TD_MRSIGNERSEAM");
  EXPECT_EQ(code_with([](Spec& s) { s.td.tee_tcb_svn2[1] = 2; }), "TCB_MODULE_UNKNOWN");
  EXPECT_EQ(code_with([](Spec& s) { s.qe.attributes[0] = 0x17; }), "QE_DEBUG");
  EXPECT_EQ(code_with([](Spec& s) { s.qe.report_data = Field<64>{1}; }), "QE_REPORT_DATA");
  EXPECT_EQ(code_with([](Spec& s) { s.qe_auth_data = Bytes(100, 9); }), "");
}

TEST(VerifyWorld, RefusesEveryFlippedByteThatSomebodySigned) {
  const auto good = world().quote(td15());
  const auto collateral = parse_collateral(world().collateral.to_json());
  const auto verified = verify_collateral(*collateral, TrustRoot{world().chain.root.der}, world().now);
  ASSERT_TRUE(verified);
  for (std::size_t at = 0; at < 1300; at += 3) {
    auto bad = good;
    bad[at] ^= 0x10;
    EXPECT_FALSE(verify(bad, *verified, world().now).ok) << at;
  }
}

TEST(VerifyWorld, LetsThePolicyDecideAboutStatusEvaluationAndServiceTd) {
  test_pki::WorldSpec spec;
  spec.tcb_info.levels[0].status = "OutOfDate";
  spec.tcb_info.levels[0].advisory_ids = {"INTEL-SA-1"};
  const auto strict = check(test_pki::make_world(spec));
  EXPECT_EQ(strict.code, "TCB_STATUS_NOT_ACCEPTED");
  EXPECT_EQ(strict.status, TcbStatus::out_of_date);
  EXPECT_EQ(strict.advisory_ids, std::vector<std::string>{"INTEL-SA-1"});

  EXPECT_EQ(check(world(), {}, Policy{.min_evaluation_data_number = 18, .service_td = std::nullopt}).code,
            "TCB_EVALUATION_TOO_OLD");
  auto serviced = td15();
  serviced.td.mr_service_td[0] = 1;
  EXPECT_TRUE(check(world(), serviced, Policy{.service_td = serviced.td.mr_service_td}).ok);
  EXPECT_TRUE(check(world(), td15(), Policy{.service_td = serviced.td.mr_service_td}).ok);
}

TEST(VerifyWorld, ChecksInstantsOfCachedCollateralAgain) {
  const auto collateral = parse_collateral(world().collateral.to_json());
  const auto verified = verify_collateral(*collateral, TrustRoot{world().chain.root.der}, world().now);
  ASSERT_TRUE(verified);
  const auto window = collateral_window(*collateral);
  ASSERT_TRUE(window);
  EXPECT_TRUE(verify(world().quote(), *verified, window->begin).ok);
  EXPECT_TRUE(verify(world().quote(), *verified, window->end).ok);
  EXPECT_EQ(verify(world().quote(), *verified, window->begin - 1).code, "ROOTCRL_NOT_YET_VALID");
  EXPECT_EQ(verify(world().quote(), *verified, window->end + 1).code, "ROOTCRL_EXPIRED");
}

TEST(VerifyWorld, ConvergesAsIntelsTableSays) {
  const std::vector<std::string> platforms = {
      "UpToDate",  "SWHardeningNeeded",           "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded",
      "OutOfDate", "OutOfDateConfigurationNeeded"};
  const auto expected = [](const std::string& platform, const std::string& qe, const std::string& module) {
    if (qe == "Revoked" || module == "Revoked") return std::string("Revoked");
    if (qe == "UpToDate" && module == "UpToDate") return platform;
    const bool configuration = platform.find("Configuration") != std::string::npos;
    return std::string(configuration ? "OutOfDateConfigurationNeeded" : "OutOfDate");
  };
  for (const auto& platform : platforms)
    for (const std::string qe : {"UpToDate", "OutOfDate", "Revoked"})
      for (const std::string module : {"UpToDate", "OutOfDate", "Revoked"}) {
        test_pki::WorldSpec spec;
        spec.tcb_info.levels[0].status = platform;
        spec.qe_identity.levels[0].status = qe;
        spec.tcb_info.identities[0].levels[0].status = module;
        const auto found = check(test_pki::make_world(spec));
        ASSERT_TRUE(found.status) << found.message;
        EXPECT_EQ(to_string(*found.status), expected(platform, qe, module)) << platform << ' ' << qe << ' ' << module;
        EXPECT_EQ(found.ok, found.status == TcbStatus::up_to_date);
      }
}

TEST(VerifyWorld, AdvisesToRelaunchATdWhoseModuleWasUpdated) {
  test_pki::WorldSpec spec;
  spec.tcb_info.identities[0].levels = {{.isv_svn = 5}, {.isv_svn = 3, .status = "OutOfDate"}};
  auto quote = td15();
  quote.td.tee_tcb_svn[0] = 3;
  EXPECT_EQ(check(test_pki::make_world(spec), quote).status, TcbStatus::td_relaunch_advised);
  spec.tcb_info.levels[0].status = "ConfigurationNeeded";
  EXPECT_EQ(check(test_pki::make_world(spec), quote).status, TcbStatus::td_relaunch_advised_configuration_needed);
  quote.td.tee_tcb_svn2[0] = 3;
  EXPECT_EQ(check(test_pki::make_world(spec), quote).status, TcbStatus::out_of_date_configuration_needed);
}

TEST(VerifyWorld, RefusesATdThatRunsUnderARevokedModuleWhateverItWasLaunchedUnder) {
  test_pki::WorldSpec spec;
  spec.tcb_info.identities[0].levels = {{.isv_svn = 5}, {.isv_svn = 3, .status = "Revoked"}};
  auto quote = td15();
  quote.td.tee_tcb_svn2[0] = 3;
  EXPECT_EQ(code(test_pki::make_world(spec), quote), "TCB_REVOKED");
}

TEST(Collateral, SurvivesARoundTripAndRefusesWhatIsNotIt) {
  const auto text = world().collateral.to_json();
  const auto once = parse_collateral(text);
  ASSERT_TRUE(once);
  EXPECT_EQ(to_json(*once), text);
  EXPECT_TRUE(parse_collateral(R"({"fetchedAt":[1,null,true],)" + text.substr(1)));
  for (const std::string& bad : {std::string(), std::string("[]"), std::string("{}"), text + "x",
                                 R"({"tcb_info":"",)" + text.substr(1), std::string(kMaxCollateralBytes + 1, ' ')}) {
    const auto refused = parse_collateral(bad);
    ASSERT_FALSE(refused) << bad.substr(0, 40);
    EXPECT_EQ(refused.error().id, "collateral_invalid");
  }
}

TEST(CollateralKey, NamesPlatformAndCa) {
  const auto key = collateral_key(world().quote());
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(*key, (CollateralKey{"90C06F000000", "platform"}));
  EXPECT_FALSE(collateral_key(Bytes(100)));
}

}  // namespace
}  // namespace skill_verifier::dcap
