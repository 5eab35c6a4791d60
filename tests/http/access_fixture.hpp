#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "http/client.hpp"
#include "http/test_server.hpp"
#include "skill_verifier/auth/key_ring.hpp"
#include "skill_verifier/core/ids.hpp"

namespace skill_verifier::test {

using nlohmann::json;
using store::JobState;

/// A listener that is not on loopback as far as its options say, clients told apart by what a trusted proxy says of
/// them, and real keys.
class AccessTest : public testing::Test {
 protected:
  AccessTest() : directory_(std::filesystem::temp_directory_path() / ("svaccess-" + core::random_hex(8))) {
    keys_ = std::move(*store::open_key_store(directory_));
    // Counted calls of the hash are what an attacker would measure.
    auth::KeyRingOptions ring;
    ring.refresh = core::Duration::zero();
    ring.hash = [this](std::string_view salt, std::string_view secret) {
      ++hashes_;
      return auth::salted_hash(salt, secret);
    };
    ring_ = std::make_unique<auth::KeyRing>(ring_io_.get_executor(), clock_,
                                            std::move(*store::open_key_store(directory_)), ring);
    audit_ = std::move(*auth::AuditLog::open(directory_ / "audit", auth::AuditSync::kernel));
    options_.address = "0.0.0.0";
    options_.keys = ring_.get();
    options_.audit = audit_.get();
    options_.trusted_proxies = {*auth::parse_network("127.0.0.1")};
  }
  ~AccessTest() override {
    server_.reset();
    audit_.reset();
    ring_.reset();
    keys_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  void start() { server_ = std::make_unique<TestServer>(options_); }
  std::uint16_t port() const { return server_->port(); }

  std::string make_key(const std::string& scopes, const std::string& rate = {}, const std::string& quota = {},
                       std::optional<core::Time> expires_at = std::nullopt) {
    const auth::Token token = auth::new_token(core::random_hex(8));
    store::KeyRow row;
    row.id = token.id;
    row.name = "a test";
    row.scopes = scopes;
    row.rate = rate;
    row.quota = quota;
    row.created_at = clock_.now();
    row.expires_at = expires_at;
    row.secret = auth::store_secret(token.secret);
    EXPECT_TRUE(keys_->insert(row));
    return to_string(token);
  }
  static std::string id_of(const std::string& token) { return auth::parse_token(token)->id; }
  static std::string bearer(const std::string& token) { return "Authorization: Bearer " + token + "\r\n"; }
  static std::string from(const std::string& address) { return "X-Forwarded-For: " + address + "\r\n"; }

  Answer ask(const std::string& method, const std::string& path, const std::string& fields = {},
             const std::string& body = {}) const {
    std::string text = method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + fields;
    if (!body.empty())
      text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    return Client(port()).exchange(text + "\r\n" + body, method == "HEAD");
  }
  Answer submit(const std::string& fields, const std::string& body = R"({"skillPath":"x"})") const {
    return ask("POST", "/verify", fields, body);
  }
  void add_job(char digit, const std::string& owner, bool is_private, JobState state = JobState::completed) {
    server_->run([&](FakeBackend& backend) {
      store::Job job = make_job(job_id(digit), state, static_cast<std::uint64_t>(digit));
      job.owner = owner;
      job.is_private = is_private;
      backend.jobs[job.id] = job;
      backend.logs[job.id] = "what it wrote";
    });
  }
  static std::string code(const Answer& answer) { return json::parse(answer.body)["code"]; }
  std::vector<json> audited() const {
    std::ifstream in(directory_ / "audit");
    std::vector<json> all;
    for (std::string line; std::getline(in, line);)
      all.push_back(json::parse(line));
    return all;
  }

  std::filesystem::path directory_;
  FakeClock clock_;
  core::asio::io_context ring_io_;
  std::unique_ptr<store::KeyStore> keys_;
  std::unique_ptr<auth::KeyRing> ring_;
  std::unique_ptr<auth::AuditLog> audit_;
  http::ServerOptions options_;
  std::unique_ptr<TestServer> server_;
  std::atomic<int> hashes_{0};
};

}  // namespace skill_verifier::test
