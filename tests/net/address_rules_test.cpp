#include "skill_verifier/net/address_rules.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <string>

#include "skill_verifier/net/http_client.hpp"
#include "support/await.hpp"
#include "support/scripted_server.hpp"

namespace skill_verifier::net {
namespace {

Address address(const std::string& text) {
  return boost::asio::ip::make_address(text);
}

struct Kind {
  const char* address;
  const char* kind;
};

TEST(SpecialPurpose, NamesEveryKindAtBothEndsOfItsBlock) {
  const Kind kinds[] = {
      {"0.0.0.0", "this-network"},
      {"0.255.255.255", "this-network"},
      {"10.0.0.0", "private"},
      {"10.255.255.255", "private"},
      {"100.64.0.0", "carrier-grade NAT"},
      {"100.100.100.200", "carrier-grade NAT"},
      {"100.127.255.255", "carrier-grade NAT"},
      {"127.0.0.1", "loopback"},
      {"127.255.255.254", "loopback"},
      {"168.63.129.16", "cloud metadata"},
      {"169.254.0.0", "link-local"},
      {"169.254.169.254", "link-local"},
      {"172.16.0.0", "private"},
      {"172.31.255.255", "private"},
      {"192.0.0.192", "protocol assignment"},
      {"192.0.2.1", "documentation"},
      {"192.88.99.1", "6to4 relay"},
      {"192.168.0.0", "private"},
      {"192.168.255.255", "private"},
      {"198.18.0.0", "benchmarking"},
      {"198.19.255.255", "benchmarking"},
      {"198.51.100.7", "documentation"},
      {"203.0.113.7", "documentation"},
      {"224.0.0.1", "multicast"},
      {"239.255.255.255", "multicast"},
      {"240.0.0.1", "reserved"},
      {"255.255.255.255", "reserved"},
      {"::", "this-network"},
      {"::1", "loopback"},
      {"::7f00:1", "reserved"},
      {"fc00::1", "unique-local"},
      {"fd00:ec2::254", "unique-local"},
      {"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "unique-local"},
      {"fe80::1", "link-local"},
      {"febf::1", "link-local"},
      {"fec0::1", "site-local"},
      {"ff02::1", "multicast"},
      {"100::1", "reserved"},
      {"64:ff9b:1::a00:1", "reserved"},
      {"5f00::1", "reserved"},
      {"2001::1", "protocol assignment"},
      {"2001:0:4136:e378:8000:63bf:3fff:fdd2", "protocol assignment"},
      {"2001:db8::1", "documentation"},
      {"3fff::1", "documentation"},
  };
  for (const Kind& expected : kinds)
    EXPECT_EQ(special_purpose(address(expected.address)), expected.kind) << expected.address;
}

TEST(SpecialPurpose, LooksIntoIpv4InsideIpv6) {
  const Kind kinds[] = {
      {"::ffff:127.0.0.1", "loopback"},   {"::ffff:169.254.169.254", "link-local"},   {"::ffff:8.8.8.8", ""},
      {"64:ff9b::10.0.0.1", "private"},   {"64:ff9b::169.254.169.254", "link-local"}, {"64:ff9b::8.8.8.8", ""},
      {"2002:7f00:1::", "loopback"},      {"2002:a9fe:a9fe::1", "link-local"},        {"2002:808:808::1", ""},
      {"2a00::5efe:10.0.0.1", "private"}, {"2a00::200:5efe:192.168.0.1", "private"},  {"2a00::5efe:8.8.8.8", ""},
  };
  for (const Kind& expected : kinds)
    EXPECT_EQ(special_purpose(address(expected.address)), expected.kind) << expected.address;
}

TEST(SpecialPurpose, IsEmptyForNeighboursOfEveryBlock) {
  for (const char* text :
       {"1.0.0.0",         "9.255.255.255",  "11.0.0.0",        "100.63.255.255",    "100.128.0.0",
        "126.255.255.255", "128.0.0.0",      "168.63.129.15",   "168.63.129.17",     "169.253.255.255",
        "169.255.0.0",     "172.15.255.255", "172.32.0.0",      "192.0.1.0",         "192.167.255.255",
        "192.169.0.0",     "198.17.255.255", "198.20.0.0",      "223.255.255.255",   "2001:200::1",
        "2001:db9::1",     "2003::1",        "2606:4700::1111", "2a00:1450:4001::1", "3ffe::1"})
    EXPECT_EQ(special_purpose(address(text)), "") << text;
}

TEST(AddressBlock, IsReadAndContainsWhatItSays) {
  const auto block = parse_address_block("10.1.0.0/16");
  ASSERT_TRUE(block);
  EXPECT_TRUE(block->contains(address("10.1.255.255")));
  EXPECT_TRUE(block->contains(address("::ffff:10.1.0.1")));
  EXPECT_FALSE(block->contains(address("10.2.0.0")));
  EXPECT_FALSE(block->contains(address("fd00::1")));
  EXPECT_TRUE(parse_address_block("127.0.0.1")->contains(address("127.0.0.1")));
  EXPECT_FALSE(parse_address_block("127.0.0.1")->contains(address("127.0.0.2")));
  EXPECT_TRUE(parse_address_block("0.0.0.0/0")->contains(address("9.9.9.9")));
  EXPECT_TRUE(parse_address_block("fd00::/9")->contains(address("fd7f::1")));
  EXPECT_FALSE(parse_address_block("fd00::/9")->contains(address("fd80::1")));
}

TEST(AddressBlock, RefusesWhatIsNone) {
  for (const char* text : {"", "10", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.1/8",
                           "fd00::1/8", "fe80::1%1", "::ffff:10.0.0.0/104", "localhost", "fd00::/129"}) {
    const auto block = parse_address_block(text);
    ASSERT_FALSE(block) << text;
    EXPECT_EQ(block.error().id, "address_block_invalid");
  }
}

TEST(AddressRules, LetPublicAddressesAndWhatIsAllowedThrough) {
  AddressRules rules;
  EXPECT_TRUE(rules.check(address("93.184.216.34")));
  const auto refused = rules.check(address("10.20.30.40"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::rejected);
  EXPECT_EQ(refused.error().id, "address_refused");
  EXPECT_EQ(refused.error().message.find("10.20"), std::string::npos) << "what a name resolves to here is not told";
  rules.allowed.push_back(*parse_address_block("10.20.0.0/16"));
  EXPECT_TRUE(rules.check(address("10.20.30.40")));
  EXPECT_TRUE(rules.check(address("::ffff:10.20.30.40")));
  EXPECT_FALSE(rules.check(address("10.21.30.40")));
}

/// The rules as a client asks them.
Result<Response> ask(const std::string& url, AddressRules rules) {
  boost::asio::io_context io{1};
  ConnectOptions connecting;
  connecting.check = [rules](const Address& address) { return rules.check(address); };
  HttpClient client(io.get_executor(), *parse_endpoint(url), {}, connecting);
  return test::await(io, client.send(Request()));
}

TEST(ConnectCheck, IsAskedAboutTheResolvedAddressBeforeAnythingIsSent) {
  const test::ScriptedServer server([](const test::ReceivedRequest&) { return test::Reply::with(200, "secret"); });
  const std::string port = std::to_string(server.port());
  for (const std::string host : {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"}) {
    const auto answer = ask("http://" + host + ":" + port, {});
    ASSERT_FALSE(answer) << host;
    EXPECT_EQ(answer.error().id, "address_refused") << host;
  }
  EXPECT_EQ(server.connections(), 0u);
  AddressRules rules;
  rules.allowed.push_back(*parse_address_block("127.0.0.0/8"));
  const auto answer = ask("http://localhost:" + port, rules);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "secret");
}

}  // namespace
}  // namespace skill_verifier::net
