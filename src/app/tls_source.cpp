#include "app/tls_source.hpp"

#include <cstdlib>
#include <fstream>

#include "skill_verifier/attest/tls_key.hpp"

namespace skill_verifier::app {
namespace {

constexpr std::size_t kMaxPemBytes = 1u << 20;

Result<std::string> read_pem(const std::string& path, std::string_view key) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxPemBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.empty() || text.size() > kMaxPemBytes)
    return Error{Errc::unavailable, "tls_file_unreadable",
                 std::string(key) + ": the file cannot be read, is empty or is larger than 1 MiB"};
  return text;
}

Result<http::TlsIdentity> read_files(const std::string& certificate, const std::string& key) {
  http::TlsIdentity identity;
  SKILL_VERIFIER_TRY(identity.certificates, read_pem(certificate, "tls.certificate"));
  SKILL_VERIFIER_TRY(identity.key, read_pem(key, "tls.key"));
  return identity;
}

core::awaitable<Result<http::TlsIdentity>> from_files(core::WorkPool* pool, TlsSource source) {
  auto read = [source] { return read_files(source.certificate, source.key); };
  co_return co_await core::run_on(*pool, std::move(read));
}

core::awaitable<Result<http::TlsIdentity>> from_agent(core::asio::any_io_executor executor,
                                                      attest::TlsKeyRequest request) {
  auto key = co_await attest::request_tls_key(std::move(executor), std::move(request));
  if (!key) co_return key.error();
  co_return http::TlsIdentity{std::move(key->certificates), std::move(key->key)};
}

}  // namespace

std::function<core::awaitable<Result<http::TlsIdentity>>()> tls_identity(core::asio::any_io_executor executor,
                                                                         core::WorkPool& pool, const Config& config) {
  const TlsSource& source = config.tls;
  if (!source.dstack && source.certificate.empty()) return {};
  if (!source.dstack) return [&pool, source] { return from_files(&pool, source); };
  attest::TlsKeyRequest request;
  // Looked up now, so that a missing agent shows at the start.
  request.endpoint = attest::find_dstack_endpoint(config.dstack, std::getenv("DSTACK_SIMULATOR_ENDPOINT"))
                         .value_or("/var/run/dstack.sock");
  request.subject = source.names.empty() ? "skill-verifier" : source.names.front();
  request.names = source.names;
  request.timeout = config.dstack.timeout;
  return [executor, request] { return from_agent(executor, request); };
}

}  // namespace skill_verifier::app
