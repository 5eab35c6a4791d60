#include "app/service_manager.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>

#include "skill_verifier/core/ids.hpp"
#include "support/await.hpp"

namespace skill_verifier::app {
namespace {

/// The environment that a test gives; ServiceManager takes a plain function.
std::map<std::string, std::string>& given() {
  static std::map<std::string, std::string> variables;
  return variables;
}
const char* lookup(const char* name) {
  const auto found = given().find(name);
  return found == given().end() ? nullptr : found->second.c_str();
}

/// systemd's end of the protocol.
class NotifySocket {
 public:
  explicit NotifySocket(bool abstract) {
    const std::string name = "svnotify-" + core::random_hex(8);
    path_ = abstract ? "@" + name : (std::filesystem::temp_directory_path() / name).string();
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    if (abstract) address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), length), 0) << std::strerror(errno);
  }
  ~NotifySocket() {
    ::close(fd_);
    if (path_[0] != '@') std::filesystem::remove(path_);
  }
  const std::string& path() const { return path_; }
  /// The next datagram; empty where none comes.
  std::string next() const {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, 30'000) != 1) return {};
    std::array<char, 4096> buffer{};
    const auto count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    return count > 0 ? std::string(buffer.data(), static_cast<std::size_t>(count)) : std::string();
  }

 private:
  std::string path_;
  int fd_ = -1;
};

class ServiceManagerTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { given().clear(); }
};
INSTANTIATE_TEST_SUITE_P(PathAndAbstract, ServiceManagerTest, testing::Bool());

TEST_P(ServiceManagerTest, TellsTheStatesOfAService) {
  const NotifySocket socket(GetParam());
  given()["NOTIFY_SOCKET"] = socket.path();
  ServiceManager manager(lookup);
  manager.ready("serving");
  EXPECT_EQ(socket.next(), "READY=1\nSTATUS=serving\nMAINPID=" + std::to_string(::getpid()));
  manager.reloading();
  EXPECT_EQ(socket.next().substr(0, 27), "RELOADING=1\nMONOTONIC_USEC=");
  manager.stopping();
  EXPECT_EQ(socket.next(), "STOPPING=1\nSTATUS=draining");
}

TEST_P(ServiceManagerTest, FeedsTheWatchdogFromTheLoop) {
  const NotifySocket socket(GetParam());
  given() = {{"NOTIFY_SOCKET", socket.path()}, {"WATCHDOG_USEC", "2000"}, {"WATCHDOG_PID", std::to_string(::getpid())}};
  ServiceManager manager(lookup);
  ASSERT_TRUE(manager.watchdog());
  boost::asio::io_context io;
  core::TaskGroup tasks(io.get_executor());
  tasks.spawn("watchdog", manager.keep_alive());
  for (int i = 0; i < 3; ++i) {
    while (io.run_one() == 0) {
    }
    EXPECT_EQ(socket.next(), "WATCHDOG=1");
  }
  tasks.cancel();
  io.run();
}

TEST(ServiceManager, DoesNothingWithoutAManager) {
  given().clear();
  ServiceManager manager(lookup);
  manager.ready("serving");
  EXPECT_FALSE(manager.watchdog());
  boost::asio::io_context io;
  test::await(io, manager.keep_alive());
}

TEST(ServiceManager, LeavesAWatchdogThatIsMeantForAnotherProcess) {
  given() = {{"NOTIFY_SOCKET", "/run/nobody"}, {"WATCHDOG_USEC", "1000"}, {"WATCHDOG_PID", "1"}};
  EXPECT_FALSE(ServiceManager(lookup).watchdog());
  given() = {{"NOTIFY_SOCKET", "/run/nobody"}, {"WATCHDOG_USEC", "soon"}};
  EXPECT_FALSE(ServiceManager(lookup).watchdog());
}

TEST(ServiceManager, GoesOnWhereTheManagerDoesNotListen) {
  given() = {{"NOTIFY_SOCKET", "/nonexistent/" + std::string(200, 'x')}};
  ServiceManager manager(lookup);
  manager.ready("serving");
  given() = {{"NOTIFY_SOCKET", "/nonexistent/socket"}};
  ServiceManager other(lookup);
  other.stopping();
}

}  // namespace
}  // namespace skill_verifier::app
