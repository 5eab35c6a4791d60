#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/harness.hpp"
#include "e2e/simulator.hpp"

/// The TLS listener with the guest agent's key, seen by curl and openssl. The agent is the simulator.
namespace skill_verifier::e2e {
namespace {

using testing::HasSubstr;

constexpr const char* kConfig = "tls: {dstack: true, port: 0, names: [verifier.test]}\n";

std::string tls_port(Daemon& daemon) {
  const std::string line = daemon.process().wait_for_line("tls_port=");
  const auto begin = line.find("tls_port=") + 9;
  return line.substr(begin, line.find_first_not_of("0123456789", begin) - begin);
}

/// The certificates that the listener sends, PEM one after the other.
fs::path fetch_chain(const TempDir& work, const std::string& port) {
  const Finished shown = run({"sh", "-c",
                              "openssl s_client -connect 127.0.0.1:" + port +
                                  " -servername verifier.test -showcerts </dev/null 2>/dev/null |"
                                  " sed -n '/-BEGIN CERT/,/-END CERT/p'"});
  return work.write("chain.pem", shown.out);
}

std::string shell(const std::string& command) {
  const Finished finished = run({"sh", "-c", command});
  EXPECT_EQ(finished.exit_code, 0) << command << finished.err;
  return finished.out.substr(0, finished.out.find_last_not_of('\n') + 1);
}

Finished get_health(const fs::path& authority, const std::string& port, std::vector<std::string> more = {}) {
  std::vector<std::string> command = {"curl",        "-sS",
                                      "--max-time",  "60",
                                      "--cacert",    authority.string(),
                                      "--resolve",   "verifier.test:" + port + ":127.0.0.1",
                                      "--write-out", "\n%{http_code}"};
  command.insert(command.end(), more.begin(), more.end());
  command.push_back("https://verifier.test:" + port + "/health");
  return run(command);
}

TEST(RaTls, CurlTrustsTheAgentsAuthorityAndNobodyElses) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Simulator simulator;
  Daemon daemon(kConfig, {{"DSTACK_SOCKET", simulator.socket()}});
  const std::string port = tls_port(daemon);
  const TempDir work;
  const fs::path chain = fetch_chain(work, port);
  // The last of the chain is the authority's own.
  const fs::path authority = work.path() / "ca.pem";
  shell("awk '/BEGIN CERT/{n++} n>1' '" + chain.string() + "' >'" + authority.string() + "'");
  const Finished trusted = get_health(authority, port);
  EXPECT_EQ(trusted.exit_code, 0) << trusted.err;
  EXPECT_THAT(trusted.out, testing::EndsWith("\n200"));
  EXPECT_EQ(get_health(authority, port, {"--tlsv1.2", "--tls-max", "1.2"}).exit_code, 0);
  EXPECT_NE(get_health(authority, port, {"--tls-max", "1.1"}).exit_code, 0);

  const fs::path stranger = work.path() / "stranger.pem";
  shell(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=stranger -out "
      "'" +
      stranger.string() + "' 2>/dev/null");
  const Finished refused = get_health(stranger, port);
  EXPECT_EQ(refused.exit_code, 60) << "curl: the peer's certificate cannot be authenticated";
}

TEST(RaTls, TheQuoteInTheCertificateSpeaksForItsKeyAlsoAfterARenewal) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Simulator simulator;
  Daemon daemon(kConfig, {{"DSTACK_SOCKET", simulator.socket()}});
  const std::string port = tls_port(daemon);
  const TempDir work;
  const auto quoted_key = [&] {
    const std::string chain = fetch_chain(work, port).string();
    // dstack: report data is SHA-512 of "ratls-cert:" and the key's SubjectPublicKeyInfo.
    const std::string key = shell("openssl x509 -in '" + chain + "' -noout -pubkey");
    const std::string expected =
        shell("(printf ratls-cert:; openssl x509 -in '" + chain +
              "' -noout -pubkey | openssl pkey -pubin -outform DER) | sha512sum | cut -d' ' -f1");
    const std::string der = shell("openssl x509 -in '" + chain + "' -outform DER | xxd -p | tr -d '\\n'");
    EXPECT_EQ(expected.size(), 128u);
    EXPECT_THAT(der, HasSubstr(expected));
    EXPECT_THAT(shell("openssl x509 -in '" + chain + "' -noout -ext subjectAltName"), HasSubstr("DNS:verifier.test"));
    return key;
  };
  const std::string first = quoted_key();
  daemon.process().signal(SIGHUP);
  daemon.process().wait_for_line("configuration reloaded");
  EXPECT_NE(quoted_key(), first) << "the agent makes a new key each time";
}

/// Key and certificate in files, replaced in place as a renewal does.
class CertificateFiles {
 public:
  CertificateFiles() { renew(); }
  void renew() const {
    shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=verifier.test -addext " +
          std::string("subjectAltName=DNS:verifier.test -keyout '") + key().string() + "' -out '" +
          certificate().string() + "' 2>/dev/null");
  }
  void spoil() const { work_.write("certificate.pem", "no certificate\n"); }
  fs::path certificate() const { return work_.path() / "certificate.pem"; }
  fs::path key() const { return work_.path() / "key.pem"; }

 private:
  TempDir work_;
};

TEST(CertificateFile, ThatIsBadLeavesTheEarlierOneAndTheReloadSaysSo) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const CertificateFiles files;
  Daemon daemon("workers: 1\npool: {max: 0}\ntls: {certificate: '" + files.certificate().string() + "', key: '" +
                files.key().string() + "', port: 0}\n");
  const std::string port = tls_port(daemon);
  const TempDir work;
  const fs::path trusted = fetch_chain(work, port);
  files.spoil();
  const fs::path config = daemon.data_dir().parent_path() / "config.yaml";
  shell("sed -i 's/^workers: 1$/workers: 2/' '" + config.string() + "'");
  daemon.process().signal(SIGHUP);
  const std::string line = daemon.process().wait_for_line("configuration reloaded");
  EXPECT_THAT(line, HasSubstr("configuration reloaded, certificate not"));
  EXPECT_THAT(line, HasSubstr("applied=workers"));
  EXPECT_THAT(line, HasSubstr("code=tls_"));
  EXPECT_THAT(daemon.curl("/metrics").body, HasSubstr("skill_verifier_config_last_reload_successful 0\n"));
  EXPECT_THAT(get_health(trusted, port).out, testing::EndsWith("\n200")) << "the earlier one goes on";

  files.renew();
  daemon.process().signal(SIGHUP);
  daemon.process().wait_for_line("configuration reloaded applied");
  EXPECT_THAT(daemon.curl("/metrics").body, HasSubstr("skill_verifier_config_last_reload_successful 1\n"));
  EXPECT_EQ(get_health(trusted, port).exit_code, 60) << "another certificate is there now";
}

}  // namespace
}  // namespace skill_verifier::e2e
