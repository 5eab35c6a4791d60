#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "sandbox/init/watch.hpp"

namespace skill_verifier::sandbox::guest {
namespace {

std::string peer4(const char* host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, host, &address.sin_addr);
  return remote_peer({reinterpret_cast<const char*>(&address), sizeof address});
}
std::string peer6(const char* host, std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  ::inet_pton(AF_INET6, host, &address.sin6_addr);
  return remote_peer({reinterpret_cast<const char*>(&address), sizeof address});
}

TEST(RemotePeer, NamesWhoeverIsNotOnThisMachine) {
  EXPECT_EQ(peer4("203.0.113.7", 443), "203.0.113.7:443");
  EXPECT_EQ(peer4("10.0.0.1", 1), "10.0.0.1:1");
  EXPECT_EQ(peer6("2001:db8::1", 443), "[2001:db8::1]:443");
  EXPECT_EQ(peer6("::ffff:203.0.113.7", 80), "203.0.113.7:80");
}

TEST(RemotePeer, LeavesThisMachineOut) {
  EXPECT_EQ(peer4("127.0.0.1", 8080), "");
  EXPECT_EQ(peer4("127.1.2.3", 8080), "");
  EXPECT_EQ(peer4("0.0.0.0", 8080), "");
  EXPECT_EQ(peer6("::1", 8080), "");
  EXPECT_EQ(peer6("::ffff:127.0.0.1", 80), "");
}

TEST(RemotePeer, TellsThatANameIsLookedUp) {
  EXPECT_EQ(peer4("127.0.0.1", 53), "127.0.0.1:53, a name lookup");
  EXPECT_EQ(peer6("::1", 53), "127.0.0.1:53, a name lookup");
}

TEST(RemotePeer, TakesOnlyWholeInternetAddresses) {
  EXPECT_EQ(remote_peer(""), "");
  EXPECT_EQ(remote_peer("\x02"), "");
  const std::string cut("\x02\x00\x01\xbb\x0a", 5);
  EXPECT_EQ(remote_peer(cut), "");
  const std::string local("\x01\x00/run/nscd/socket", 18);
  EXPECT_EQ(remote_peer(local), "");
}

TEST(NormalPath, LeavesNothingToInterpret) {
  EXPECT_EQ(normal_path("/skill/../etc/./passwd"), "/etc/passwd");
  EXPECT_EQ(normal_path("//tmp///a/"), "/tmp/a");
  EXPECT_EQ(normal_path("/../.."), "/");
  EXPECT_EQ(normal_path("/"), "/");
}

TEST(MayWrite, IsTheSkillsFoldersAndDevicesThatKeepNothing) {
  for (const char* path : {"/skill", "/skill/a/b", "/tmp/x", "/dev/null", "/dev/shm/sem.x", "/dev/tty", "/dev/pts/0"})
    EXPECT_TRUE(may_write(path)) << path;
  for (const char* path :
       {"/", "/etc/passwd", "/skills", "/tmpfile", "/dev/nullx", "/dev/sda", "/proc/1/mem", "/var/lib/x"})
    EXPECT_FALSE(may_write(path)) << path;
}

TEST(NetworkCounters, AddUpWhatHadNoRoute) {
  const std::string snmp =
      "Ip: Forwarding DefaultTTL InReceives OutNoRoutes FragCreates\nIp: 2 64 100 7 0\nIcmp: InMsgs\nIcmp: 0\n";
  const auto both = parse_network_counters(snmp, "Ip6InReceives  \t5\nIp6OutNoRoutes                  \t4\n");
  EXPECT_TRUE(both.known);
  EXPECT_EQ(both.unroutable, 11u);
  EXPECT_EQ(parse_network_counters(snmp, "").unroutable, 7u) << "without version 6 of the protocol";
}

TEST(NetworkCounters, AreUnknownWhereTheKernelDoesNotTell) {
  EXPECT_FALSE(parse_network_counters("", "").known);
  EXPECT_FALSE(parse_network_counters("Ip: Forwarding\nIp: 2\n", "").known);
  EXPECT_FALSE(parse_network_counters("Ip: OutNoRoutes\nIp: many\n", "").known);
}

}  // namespace
}  // namespace skill_verifier::sandbox::guest
