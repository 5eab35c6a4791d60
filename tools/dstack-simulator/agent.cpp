#include "agent.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "agent_message.hpp"
#include "key_crypto.hpp"
#include "platform.hpp"
#include "skill_verifier/core/json.hpp"
#include "tls_key.hpp"

namespace dstack_simulator {
namespace {

namespace core = skill_verifier::core;
using core::as_bytes;
using core::OrderedJson;
using core::to_hex;
using skill_verifier::Errc;
using skill_verifier::Error;

constexpr std::string_view kVersion = "0.5.11";
constexpr std::string_view kRevision = "simulator";

Bytes seed_key(std::string_view purpose) {
  const auto digest = core::sha256(as_bytes(fmt::format("dstack-simulator {}", purpose)));
  return {digest.begin(), digest.end()};
}

Error argument_error(std::string message) {
  return Error{Errc::invalid_argument, std::move(message)};
}

AgentResponse json_response(int status, const OrderedJson& body, bool pretty) {
  return {status, "application/json", pretty ? core::dump_json_pretty(body) : core::dump_json(body)};
}

AgentResponse error_response(int status, const std::string& message) {
  return json_response(status, OrderedJson{{"error", message}}, true);
}

AgentResponse not_found() {
  return {404, "text/html; charset=utf-8",
          "<!DOCTYPE html>\n<html lang=\"en\"><head><title>404 Not Found</title></head>"
          "<body><h1>404: Not Found</h1></body></html>\n"};
}

/// `/GetQuote` of `/GetQuote?json`.
std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

OrderedJson to_json(const std::vector<Bytes>& values) {
  auto list = OrderedJson::array();
  for (const auto& value : values)
    list.push_back(to_hex(value));
  return list;
}

enum class Algorithm { secp256k1, secp256k1_prehashed, ed25519 };

Result<Algorithm> parse_algorithm(const std::string& name) {
  if (name.empty() || name == "secp256k1" || name == "k256") return Algorithm::secp256k1;
  if (name == "secp256k1_prehashed") return Algorithm::secp256k1_prehashed;
  if (name == "ed25519") return Algorithm::ed25519;
  return argument_error("Unsupported algorithm: " + core::shorten(name));
}

Bytes public_key(Algorithm algorithm, ByteView private_key) {
  return algorithm == Algorithm::ed25519 ? ed25519::public_key(private_key) : secp256k1::public_key(private_key);
}

/// What secp256k1 signs: the data's SHA-256, or the data where the caller has hashed it.
Result<Digest256> message_digest(Algorithm algorithm, const Bytes& data) {
  if (algorithm != Algorithm::secp256k1_prehashed) return core::sha256(data);
  Digest256 digest;
  if (data.size() != digest.size()) {
    return argument_error(
        fmt::format("Pre-hashed signing requires a 32-byte digest, but received {} bytes", data.size()));
  }
  std::ranges::copy(data, digest.begin());
  return digest;
}

}  // namespace

struct Agent::Impl {
  Impl(AgentOptions options, const core::Clock& clock)
      : options(std::move(options)),
        clock(clock),
        kms_root(seed_key("kms root")),
        tls_ca(clock.now()),
        platform(this->options.app_compose, to_hex(tls_ca.subject_public_key_info()), clock.now()),
        app_key(hkdf_sha256(kms_root, "RATLS", app_key_info())) {}

  Bytes app_key_info() const {
    auto info = platform.app_id();
    const auto tag = as_bytes("app-key");
    info.insert(info.end(), tag.begin(), tag.end());
    return info;
  }

  Result<OrderedJson> get_quote(const Fields& fields);
  Result<OrderedJson> get_info(const Fields& fields);
  Result<OrderedJson> get_key(const Fields& fields);
  Result<OrderedJson> get_tls_key(const Fields& fields);
  Result<OrderedJson> sign(const Fields& fields);
  Result<OrderedJson> verify(const Fields& fields);
  Result<OrderedJson> get_version(const Fields& fields);

  Bytes derive_key(const std::string& path) const { return hkdf_sha256(app_key, "RATLS", as_bytes(path)); }
  std::vector<Bytes> certify(const std::string& purpose, const Bytes& key) const;
  std::string tcb_info() const;

  AgentOptions options;
  const core::Clock& clock;
  Bytes kms_root;
  TlsKeyAuthority tls_ca;
  Platform platform;
  Bytes app_key;
};

Result<OrderedJson> Agent::Impl::get_quote(const Fields& fields) {
  SKILL_VERIFIER_TRY(const auto asked, fields.bytes("report_data"));
  std::array<std::uint8_t, 64> report_data{};
  if (asked.size() > report_data.size()) return argument_error("Report data is too long");
  std::ranges::copy(asked, report_data.begin());
  const auto quoted = options.zero_report_data ? std::array<std::uint8_t, 64>{} : report_data;
  return OrderedJson{{"quote", to_hex(platform.quote(quoted))},
                     {"event_log", platform.event_log()},
                     {"report_data", to_hex(report_data)},
                     {"vm_config", platform.vm_config()}};
}

std::string Agent::Impl::tcb_info() const {
  const auto& td = platform.td_report();
  return core::dump_json_pretty(OrderedJson{{"mrtd", to_hex(td.mr_td)},
                                            {"rtmr0", to_hex(td.rtmr[0])},
                                            {"rtmr1", to_hex(td.rtmr[1])},
                                            {"rtmr2", to_hex(td.rtmr[2])},
                                            {"rtmr3", to_hex(td.rtmr[3])},
                                            {"mr_aggregated", to_hex(platform.mr_aggregated())},
                                            {"os_image_hash", to_hex(platform.os_image_hash())},
                                            {"compose_hash", to_hex(platform.compose_hash())},
                                            {"device_id", core::sha256_hex("")},
                                            {"event_log", OrderedJson::parse(platform.event_log())},
                                            {"app_compose", platform.app_compose()}});
}

Result<OrderedJson> Agent::Impl::get_info(const Fields&) {
  return OrderedJson{{"app_id", to_hex(platform.app_id())},
                     {"instance_id", to_hex(platform.instance_id())},
                     {"app_cert", tls_ca.certificate_pem()},
                     {"tcb_info", tcb_info()},
                     {"app_name", "dstack-simulator"},
                     {"device_id", core::sha256_hex("")},
                     {"mr_aggregated", to_hex(platform.mr_aggregated())},
                     {"os_image_hash", to_hex(platform.os_image_hash())},
                     {"key_provider_info", platform.key_provider_info()},
                     {"compose_hash", to_hex(platform.compose_hash())},
                     {"vm_config", platform.vm_config()},
                     {"cloud_vendor", "simulator"},
                     {"cloud_product", "simulator"}};
}

/// The app key speaks for the derived key, the KMS root for the app key.
std::vector<Bytes> Agent::Impl::certify(const std::string& purpose, const Bytes& key) const {
  const auto claim = keccak256(as_bytes(fmt::format("{}:{}", purpose, to_hex(key))));
  const auto app_public = secp256k1::public_key(app_key);
  Bytes issued;
  for (const ByteView part : {as_bytes("dstack-kms-issued:"), ByteView(platform.app_id()), ByteView(app_public)}) {
    issued.insert(issued.end(), part.begin(), part.end());
  }
  return {secp256k1::sign_recoverable(app_key, claim), secp256k1::sign_recoverable(kms_root, keccak256(issued))};
}

Result<OrderedJson> Agent::Impl::get_key(const Fields& fields) {
  SKILL_VERIFIER_TRY(const auto path, fields.text("path"));
  SKILL_VERIFIER_TRY(const auto purpose, fields.text("purpose"));
  SKILL_VERIFIER_TRY(const auto name, fields.text("algorithm"));
  SKILL_VERIFIER_TRY(const auto algorithm, parse_algorithm(name));
  if (algorithm == Algorithm::secp256k1_prehashed) return argument_error("Unsupported algorithm: " + name);
  const auto key = derive_key(path);
  return OrderedJson{{"key", to_hex(key)}, {"signature_chain", to_json(certify(purpose, public_key(algorithm, key)))}};
}

Result<OrderedJson> Agent::Impl::get_tls_key(const Fields& fields) {
  TlsKeyRequest request;
  SKILL_VERIFIER_TRY(request.subject, fields.text("subject"));
  SKILL_VERIFIER_TRY(request.alt_names, fields.texts("alt_names"));
  SKILL_VERIFIER_TRY(const auto ra_tls, fields.flag("usage_ra_tls"));
  SKILL_VERIFIER_TRY(request.server_auth, fields.flag("usage_server_auth"));
  SKILL_VERIFIER_TRY(request.client_auth, fields.flag("usage_client_auth"));
  SKILL_VERIFIER_TRY(const auto with_app_info, fields.flag("with_app_info"));
  SKILL_VERIFIER_TRY(request.not_before, fields.number("not_before"));
  SKILL_VERIFIER_TRY(request.not_after, fields.number("not_after"));
  if (with_app_info) return argument_error("with_app_info is not simulated");
  if (ra_tls) request.platform = &platform;
  SKILL_VERIFIER_TRY(const auto issued, tls_ca.issue(request, clock.now()));
  return OrderedJson{{"key", issued.private_key_pem},
                     {"certificate_chain", {issued.certificate_pem, tls_ca.certificate_pem()}}};
}

Result<OrderedJson> Agent::Impl::sign(const Fields& fields) {
  SKILL_VERIFIER_TRY(const auto name, fields.text("algorithm"));
  SKILL_VERIFIER_TRY(const auto data, fields.bytes("data"));
  SKILL_VERIFIER_TRY(const auto algorithm, parse_algorithm(name));
  SKILL_VERIFIER_TRY(const auto digest, message_digest(algorithm, data));
  const auto key = derive_key("vms");
  const auto signature = algorithm == Algorithm::ed25519 ? ed25519::sign(key, data) : secp256k1::sign(key, digest);
  const auto signer = public_key(algorithm, key);
  auto signatures = certify("signing", signer);
  signatures.insert(signatures.begin(), signature);
  return OrderedJson{
      {"signature", to_hex(signature)}, {"signature_chain", to_json(signatures)}, {"public_key", to_hex(signer)}};
}

Result<OrderedJson> Agent::Impl::verify(const Fields& fields) {
  SKILL_VERIFIER_TRY(const auto name, fields.text("algorithm"));
  SKILL_VERIFIER_TRY(const auto data, fields.bytes("data"));
  SKILL_VERIFIER_TRY(const auto signature, fields.bytes("signature"));
  SKILL_VERIFIER_TRY(const auto key, fields.bytes("public_key"));
  SKILL_VERIFIER_TRY(const auto algorithm, parse_algorithm(name));
  SKILL_VERIFIER_TRY(const auto digest, message_digest(algorithm, data));
  const auto valid = algorithm == Algorithm::ed25519 ? ed25519::verify(key, signature, data)
                                                     : secp256k1::verify(key, signature, digest);
  if (!valid) return valid.error();
  return OrderedJson{{"valid", *valid}};
}

Result<OrderedJson> Agent::Impl::get_version(const Fields&) {
  return OrderedJson{{"version", kVersion}, {"rev", kRevision}};
}

Agent::Agent(AgentOptions options, const core::Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), clock)) {}
Agent::~Agent() = default;

AgentResponse Agent::handle(const AgentRequest& request) {
  using Method = Result<OrderedJson> (Impl::*)(const Fields&);
  static constexpr std::pair<std::string_view, Method> methods[] = {
      {"/GetQuote", &Impl::get_quote},    {"/Info", &Impl::get_info}, {"/GetKey", &Impl::get_key},
      {"/GetTlsKey", &Impl::get_tls_key}, {"/Sign", &Impl::sign},     {"/Verify", &Impl::verify},
      {"/Version", &Impl::get_version},
  };
  const auto path = path_of(request.target);
  const auto* const method = std::ranges::find(methods, path, &std::pair<std::string_view, Method>::first);
  if (method == std::end(methods) || (request.method != "GET" && request.method != "POST")) return not_found();
  if (is_quote(request.target) && impl_->options.fail_quotes > 0) {
    --impl_->options.fail_quotes;
    return error_response(503, "Failed to get quote: device busy");
  }
  const auto fields = Fields::parse(request);
  if (!fields) return error_response(400, fields.error().message);
  const auto answer = (impl_.get()->*(method->second))(*fields);
  if (!answer) return error_response(400, answer.error().message);
  return json_response(200, *answer, false);
}

bool Agent::is_quote(std::string_view target) {
  return path_of(target) == "/GetQuote";
}

std::string Agent::root_certificate_pem() const {
  return impl_->platform.root_certificate().pem();
}
std::string Agent::collateral() const {
  return impl_->platform.collateral(impl_->clock.now());
}
std::string Agent::measurements() const {
  return impl_->platform.measurements();
}
const std::string& Agent::app_compose() const {
  return impl_->platform.app_compose();
}
std::string Agent::kms_root_public_key() const {
  return to_hex(secp256k1::public_key(impl_->kms_root));
}

}  // namespace dstack_simulator
