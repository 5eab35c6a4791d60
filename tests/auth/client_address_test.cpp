#include "skill_verifier/auth/client_address.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::auth {
namespace {

Address at(std::string_view text) {
  const auto address = parse_address(text);
  EXPECT_TRUE(address) << text;
  return address ? *address : Address{};
}

std::vector<Network> networks(std::initializer_list<std::string_view> texts) {
  std::vector<Network> made;
  for (const auto text : texts) {
    const auto network = parse_network(text);
    EXPECT_TRUE(network) << text;
    if (network) made.push_back(*network);
  }
  return made;
}

TEST(ParseAddress, ReadsBothFamilies) {
  EXPECT_EQ(to_string(at("192.0.2.1")), "192.0.2.1");
  EXPECT_EQ(to_string(at("2001:DB8:0::1")), "2001:db8::1");
  EXPECT_EQ(at("::ffff:192.0.2.1"), at("192.0.2.1"));
  EXPECT_TRUE(at("127.9.9.9").is_loopback());
  EXPECT_TRUE(at("::1").is_loopback());
  EXPECT_FALSE(at("::2").is_loopback());
  EXPECT_FALSE(at("128.0.0.1").is_loopback());
}

TEST(ParseAddress, RefusesWhatIsNone) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv, "1.2.3"sv, "1.2.3.256"sv, "0127.0.0.1"sv, "1.2.3.4 "sv, "fe80::1%eth0"sv, "[::1]"sv,
                          "::1\0"sv, "unknown"sv, "1.2.3.4:80"sv})
    EXPECT_FALSE(parse_address(text)) << text;
  EXPECT_FALSE(parse_address(std::string(100'000, '1')));
}

TEST(CountingKey, IsAnIpv4AddressOrA64OfIpv6) {
  EXPECT_NE(at("192.0.2.1").counting_key(), at("192.0.2.2").counting_key());
  EXPECT_EQ(at("2001:db8:1:2::1").counting_key(), at("2001:db8:1:2:ffff:ffff:ffff:ffff").counting_key());
  EXPECT_NE(at("2001:db8:1:2::1").counting_key(), at("2001:db8:1:3::1").counting_key());
  EXPECT_NE(at("::").counting_key(), at("0.0.0.0").counting_key());
}

TEST(ParseNetwork, ContainsWhatItSays) {
  const auto ten = *parse_network("10.0.0.0/8");
  EXPECT_TRUE(ten.contains(at("10.255.0.1")));
  EXPECT_FALSE(ten.contains(at("11.0.0.1")));
  EXPECT_TRUE(parse_network("2001:db8::/33")->contains(at("2001:db8:7fff::1")));
  EXPECT_FALSE(parse_network("2001:db8::/33")->contains(at("2001:db8:8000::1")));
  EXPECT_TRUE(parse_network("192.0.2.1")->contains(at("192.0.2.1")));
  EXPECT_FALSE(parse_network("192.0.2.1")->contains(at("192.0.2.2")));
  EXPECT_TRUE(parse_network("0.0.0.0/0")->contains(at("203.0.113.9")));
  EXPECT_FALSE(parse_network("0.0.0.0/0")->contains(at("2001:db8::1"))) << "every IPv4 address, and no other";
  EXPECT_TRUE(parse_network("::/0")->contains(at("203.0.113.9")));
}

TEST(ParseNetwork, RefusesWhatWouldNotMeanWhatItSays) {
  for (const char* text :
       {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "::1/64", "::/129", "/8", ""})
    EXPECT_FALSE(parse_network(text)) << text;
}

TEST(ClientAddress, IsThePeerUnlessThatIsATrustedProxy) {
  const auto trusted = networks({"10.0.0.0/8"});
  EXPECT_EQ(client_address(at("192.0.2.7"), trusted, ProxyField::x_forwarded_for, {"203.0.113.1"}), at("192.0.2.7"));
  EXPECT_EQ(client_address(at("10.0.0.1"), trusted, ProxyField::x_forwarded_for, {"203.0.113.1"}), at("203.0.113.1"));
  EXPECT_EQ(client_address(at("10.0.0.1"), {}, ProxyField::x_forwarded_for, {"203.0.113.1"}), at("10.0.0.1"));
  EXPECT_EQ(client_address(at("10.0.0.1"), trusted, ProxyField::x_forwarded_for, {}), at("10.0.0.1"));
}

TEST(ClientAddress, IsTheRightmostHopThatIsNotTrusted) {
  const auto trusted = networks({"10.0.0.0/8"});
  const auto client = [&](std::vector<std::string_view> values) {
    return to_string(client_address(at("10.0.0.1"), trusted, ProxyField::x_forwarded_for, values));
  };
  EXPECT_EQ(client({"8.8.8.8, 203.0.113.1"}), "203.0.113.1") << "what stands left of it is the client's invention";
  EXPECT_EQ(client({"8.8.8.8, 203.0.113.1, 10.0.0.2"}), "203.0.113.1");
  EXPECT_EQ(client({"8.8.8.8", "203.0.113.1 , 10.0.0.2"}), "203.0.113.1") << "lines are one list";
  EXPECT_EQ(client({"10.0.0.3, 10.0.0.2"}), "10.0.0.3");
  EXPECT_EQ(client({"203.0.113.1, unknown"}), "10.0.0.1") << "nobody says who that was";
  EXPECT_EQ(client({"203.0.113.1, "}), "10.0.0.1");
  EXPECT_EQ(client({"203.0.113.1, unknown, 10.0.0.2"}), "10.0.0.2");
  EXPECT_EQ(client({"203.0.113.1:4711"}), "203.0.113.1");
  EXPECT_EQ(client({"[2001:db8::1]:4711"}), "2001:db8::1");
  EXPECT_EQ(client({"2001:db8::1"}), "2001:db8::1");
}

TEST(ClientAddress, ReadsTheStandardField) {
  const auto trusted = networks({"10.0.0.0/8", "2001:db8:a::/48"});
  const auto client = [&](std::vector<std::string_view> values) {
    return to_string(client_address(at("10.0.0.1"), trusted, ProxyField::forwarded, values));
  };
  EXPECT_EQ(client({"for=203.0.113.1"}), "203.0.113.1");
  EXPECT_EQ(client({R"(For="[2001:db8::1]:4711";proto=https;by=10.0.0.1)"}), "2001:db8::1");
  EXPECT_EQ(client({R"(for=8.8.8.8, for=203.0.113.1 ; host="a,b;c" , for="[2001:db8:a::7]")"}), "203.0.113.1");
  EXPECT_EQ(client({"for=8.8.8.8, for=_hidden"}), "10.0.0.1");
  EXPECT_EQ(client({"proto=https"}), "10.0.0.1");
}

TEST(ClientAddress, AClientCannotSwallowWhatTheProxyAppends) {
  const auto trusted = networks({"10.0.0.0/8"});
  for (const std::string appended :
       {", for=203.0.113.1", R"(, for="[2001:db8::1]")", R"(, for=203.0.113.1;by="[::1]")"}) {
    for (const std::string sent : {R"(for=8.8.8.8;by=")", R"(for=")", R"(for=8.8.8.8;by="\)", R"(for=8.8.8.8;by="x)"}) {
      const std::string value = sent + appended;
      EXPECT_EQ(to_string(client_address(at("10.0.0.1"), trusted, ProxyField::forwarded, {value})), "10.0.0.1")
          << value;
    }
  }
}

TEST(ClientAddress, MalformedFieldsNameNobody) {
  for (const char* value : {"for", "for=", "=1.2.3.4", "for=1.2.3.4;for=5.6.7.8", "for=1.2.3.4 for=5.6.7.8",
                            "for=1.2.3.4;by", "for=\"1.2.3.4", "for=1.2.3.4\"", "for:1.2.3.4"})
    EXPECT_TRUE(forwarded_hops(ProxyField::forwarded, {value}).empty()) << value;
}

}  // namespace
}  // namespace skill_verifier::auth
