#include "skill_verifier/attest/collateral_client.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "attest/pcs_answer.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::attest {
namespace {

constexpr std::size_t kMaxAnswerBytes = 256u << 10;

net::Endpoint require_endpoint(const std::string& text) {
  auto endpoint = net::parse_endpoint(text);
  if (!endpoint) throw std::invalid_argument("collateral service: " + endpoint.error().message);
  return std::move(*endpoint);
}

net::ClientLimits client_limits(const CollateralClientOptions& options) {
  net::ClientLimits limits;
  limits.connect = std::min(limits.connect, options.request);
  limits.request = options.request;
  limits.body_bytes = kMaxAnswerBytes;
  limits.idle_connections = 1;
  return limits;
}

Result<void> check_key(const dcap::CollateralKey& key) {
  const bool hex = std::ranges::all_of(
      key.fmspc, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
  if (key.fmspc.size() == 12 && hex && (key.pck_ca == "platform" || key.pck_ca == "processor")) return {};
  return Error{
      Errc::invalid_argument, "platform_invalid",
      fmt::format("fmspc '{}' with CA '{}' is no platform", core::shorten(key.fmspc), core::shorten(key.pck_ca))};
}

bool same_fmspc(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

Error unavailable(const Error& error) {
  if (error.code == Errc::cancelled) return error;
  return Error{Errc::unavailable, "collateral_unavailable", error.message};
}

/// The four answers, named as QuoteCollateralV3 has them.
struct Parts {
  SignedBody tcb_info, qe_identity;
  std::string tcb_info_chain, qe_identity_chain, pck_crl_chain;
  CrlBody pck_crl, root_crl;
};

Result<FetchedCollateral> put_together(const Parts& parts, core::Time now) {
  FetchedCollateral made;
  made.fetched_at = now;
  made.until = std::min({parts.tcb_info.next_update, parts.qe_identity.next_update, parts.pck_crl.next_update,
                         parts.root_crl.next_update});
  if (made.until <= now)
    return Error{Errc::unavailable, "collateral_ended",
                 fmt::format("collateral was served that ended at {}", core::to_rfc3339(made.until))};
  core::OrderedJson json;
  json["pck_crl_issuer_chain"] = parts.pck_crl_chain;
  json["root_ca_crl"] = core::to_hex(parts.root_crl.der);
  json["pck_crl"] = core::to_hex(parts.pck_crl.der);
  json["tcb_info_issuer_chain"] = parts.tcb_info_chain;
  json["tcb_info"] = parts.tcb_info.text;
  json["tcb_info_signature"] = parts.tcb_info.signature;
  json["qe_identity_issuer_chain"] = parts.qe_identity_chain;
  json["qe_identity"] = parts.qe_identity.text;
  json["qe_identity_signature"] = parts.qe_identity.signature;
  json["fetchedAt"] = core::to_rfc3339(now);
  made.json = core::dump_json(json);
  return made;
}

}  // namespace

struct CollateralClient::Impl {
  Impl(core::asio::any_io_executor executor, const core::Clock& clock, const CollateralClientOptions& options)
      : clock(clock),
        intel(options.base == kIntelPcs),
        client(executor, require_endpoint(options.base), client_limits(options)),
        certificates(executor, require_endpoint(std::string(kIntelCertificates)), client_limits(options)) {}

  static awaitable<Result<net::Response>> get(net::HttpClient& client, std::string target);
  awaitable<Result<void>> get_tcb_info(const dcap::CollateralKey& key, Parts& parts);
  awaitable<Result<void>> get_qe_identity(Parts& parts);
  awaitable<Result<void>> get_pck_crl(const dcap::CollateralKey& key, Parts& parts);
  awaitable<Result<void>> get_root_crl(Parts& parts);

  const core::Clock& clock;
  const bool intel;
  net::HttpClient client;
  net::HttpClient certificates;
};

CollateralClient::CollateralClient(core::asio::any_io_executor executor, const core::Clock& clock,
                                   CollateralClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(executor), clock, options)) {}
CollateralClient::~CollateralClient() = default;

awaitable<Result<net::Response>> CollateralClient::Impl::get(net::HttpClient& client, std::string target) {
  net::Request request;
  request.target = std::move(target);
  auto response = co_await client.send(std::move(request));
  if (!response) co_return unavailable(response.error());
  if (response->status != 200)
    co_return Error{Errc::unavailable, "collateral_unavailable", fmt::format("answered {}", response->status)};
  co_return response;
}

awaitable<Result<void>> CollateralClient::Impl::get_tcb_info(const dcap::CollateralKey& key, Parts& parts) {
  SKILL_VERIFIER_CO_TRY(const auto answer, co_await get(client, "/tdx/certification/v4/tcb?fmspc=" + key.fmspc));
  SKILL_VERIFIER_CO_TRY(parts.tcb_info, parse_signed_body(answer.body, "tcbInfo", "TDX"));
  if (!same_fmspc(parts.tcb_info.fmspc, key.fmspc))
    co_return Error{Errc::unavailable, "collateral_malformed",
                    fmt::format("is about platform {}, asked for {}", core::shorten(parts.tcb_info.fmspc), key.fmspc)};
  SKILL_VERIFIER_CO_TRY(parts.tcb_info_chain,
                        issuer_chain(answer.headers, {"TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain"}));
  co_return Result<void>{};
}

awaitable<Result<void>> CollateralClient::Impl::get_qe_identity(Parts& parts) {
  SKILL_VERIFIER_CO_TRY(const auto answer, co_await get(client, "/tdx/certification/v4/qe/identity?update=standard"));
  SKILL_VERIFIER_CO_TRY(parts.qe_identity, parse_signed_body(answer.body, "enclaveIdentity", "TD_QE"));
  SKILL_VERIFIER_CO_TRY(parts.qe_identity_chain, issuer_chain(answer.headers, {"SGX-Enclave-Identity-Issuer-Chain"}));
  co_return Result<void>{};
}

awaitable<Result<void>> CollateralClient::Impl::get_pck_crl(const dcap::CollateralKey& key, Parts& parts) {
  const std::string target = "/sgx/certification/v4/pckcrl?ca=" + key.pck_ca + "&encoding=der";
  SKILL_VERIFIER_CO_TRY(const auto answer, co_await get(client, target));
  SKILL_VERIFIER_CO_TRY(parts.pck_crl, parse_crl_body(answer.body));
  SKILL_VERIFIER_CO_TRY(parts.pck_crl_chain, issuer_chain(answer.headers, {"SGX-PCK-CRL-Issuer-Chain"}));
  co_return Result<void>{};
}

awaitable<Result<void>> CollateralClient::Impl::get_root_crl(Parts& parts) {
  const std::string target = intel ? "/IntelSGXRootCA.der" : "/sgx/certification/v4/rootcacrl";
  SKILL_VERIFIER_CO_TRY(const auto answer, co_await get(intel ? certificates : client, target));
  SKILL_VERIFIER_CO_TRY(parts.root_crl, parse_crl_body(answer.body));
  co_return Result<void>{};
}

awaitable<Result<FetchedCollateral>> CollateralClient::fetch(dcap::CollateralKey key) {
  SKILL_VERIFIER_CO_TRY_VOID(check_key(key));
  Parts parts;
  auto got = co_await impl_->get_tcb_info(key, parts);
  if (!got) co_return core::with_context(got.error(), "TCB info");
  got = co_await impl_->get_qe_identity(parts);
  if (!got) co_return core::with_context(got.error(), "QE identity");
  got = co_await impl_->get_pck_crl(key, parts);
  if (!got) co_return core::with_context(got.error(), "PCK CRL");
  got = co_await impl_->get_root_crl(parts);
  if (!got) co_return core::with_context(got.error(), "root CRL");
  co_return put_together(parts, impl_->clock.now());
}

}  // namespace skill_verifier::attest
