#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "http/client.hpp"
#include "http/test_server.hpp"

namespace skill_verifier::http {
namespace {

using test::Client;
using test::FakeBackend;
using test::TestServer;

constexpr std::size_t kUploads = 8;
constexpr std::size_t kUploadBytes = 50u << 20;

/// Highest resident set of this process since `reset_peak`, in KiB.
std::size_t peak_resident() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6));
  }
  return 0;
}
bool reset_peak() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5";
  return static_cast<bool>(file.flush());
}

/// Sends one upload from a single block, so that the client needs no memory of its own to speak of.
int upload(std::uint16_t port, bool form, const std::string& block) {
  const std::string before = "--B\r\nContent-Disposition: form-data; name=\"skill\"; filename=\"a.tar\"\r\n\r\n";
  const std::string after = "\r\n--B--\r\n";
  const std::size_t length = kUploadBytes + (form ? before.size() + after.size() : 0);
  Client client(port);
  client.send("POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: " +
              std::string(form ? "multipart/form-data; boundary=B" : "application/x-tar") +
              "\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n" + (form ? before : ""));
  for (std::size_t sent = 0; sent < kUploadBytes; sent += block.size())
    client.send(block);
  if (form) client.send(after);
  return client.read().status;
}

TEST(UploadMemory, EightUploadsOfFiftyMegabytesAddLessThan64) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "a sanitizer's own memory would be counted";
#endif
  TestServer server;
  server.run([](FakeBackend& backend) { backend.keep_archives = false; });
  const std::string block(1u << 20, 'x');
  if (!reset_peak()) GTEST_SKIP() << "the peak of this process cannot be reset";
  const std::size_t before = peak_resident();
  std::vector<int> statuses(kUploads);
  std::vector<std::thread> clients;
  for (std::size_t i = 0; i < kUploads; ++i)
    clients.emplace_back([&, i] { statuses[i] = upload(server.port(), i % 2 == 0, block); });
  for (auto& client : clients)
    client.join();
  const std::size_t added = peak_resident() - before;
  RecordProperty("added_kib", static_cast<int>(added));
  EXPECT_LT(added, 64u << 10) << "KiB";
  for (const int status : statuses)
    EXPECT_EQ(status, 202);
  server.run([](FakeBackend& backend) {
    ASSERT_EQ(backend.received.size(), kUploads);
    for (const auto& got : backend.received)
      EXPECT_EQ(got.archive_bytes, kUploadBytes);
  });
}

}  // namespace
}  // namespace skill_verifier::http
