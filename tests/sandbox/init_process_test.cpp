// The real skill-verifier-init: protocol, commands, output, limits of time.
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "sandbox/fake_init.hpp"
#include "sandbox/init_frames.hpp"
#include "sandbox/init_process_fixture.hpp"

namespace skill_verifier::testing_support {
namespace {

/// The value of a line of /proc/PID/status.
std::string field(const std::string& status, const std::string& name) {
  const auto at = status.find(name + ":\t");
  if (at == std::string::npos) return "missing";
  const auto begin = at + name.size() + 2;
  return status.substr(begin, status.find('\n', begin) - begin);
}

// ---- protocol

TEST_F(InitProcess, SaysAtOnceThatItIsReady) {
  const auto message = client().next();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, InitFrame::ready);
  EXPECT_THAT(message->payload, testing::StartsWith(Payload().u32(sandbox::init::kProtocolVersion).bytes()));
}

TEST_F(InitProcess, SaysWhatItIsHeldBy) {
  const auto ready = test::init_frame(InitFrame::ready, client().next()->payload);
  sandbox::init::MessageReader reader;
  reader.feed(core::as_bytes(ready));
  const auto message = reader.next();
  ASSERT_TRUE(message && *message);
  const auto held = std::get<sandbox::init::Ready>((*message)->body).confinement;
  const auto hard_limit = [](auto resource) {
    rlimit limit{};
    getrlimit(resource, &limit);
    return limit.rlim_max;
  };
  EXPECT_EQ(held.capabilities, 1u << CAP_SETUID | 1u << CAP_SETGID);
  EXPECT_EQ(held.bits & (sandbox::init::kSystemCallFilter | sandbox::init::kReadOnlyRoot), 0);
  EXPECT_EQ(held.open_files, hard_limit(RLIMIT_NOFILE));
  EXPECT_EQ(held.core_bytes, hard_limit(RLIMIT_CORE));
  EXPECT_EQ(held.file_bytes, hard_limit(RLIMIT_FSIZE));
  utsname kernel{};
  uname(&kernel);
  EXPECT_EQ(held.kernel, kernel.release);
}

TEST_F(InitProcess, ServesAWholeJobAndEnds) {
  ASSERT_TRUE(
      client().begin(PackBuilder().executable("run.sh", "#!/bin/sh\necho hello; echo oops >&2; exit 3\n").end()));
  const auto result = client().command({"./run.sh"});
  EXPECT_TRUE(result.started);
  EXPECT_EQ(result.out, "hello\n");
  EXPECT_EQ(result.err, "oops\n");
  EXPECT_EQ(result.code(), 3);
  ASSERT_TRUE(result.exit);
  EXPECT_EQ(result.exit->out_total, 6u);
  EXPECT_EQ(result.exit->err_total, 5u);
  EXPECT_EQ(result.exit->out_tail, "");
  EXPECT_FALSE(result.exit->memory_killed);
  client().frame(HostFrame::finish, 0, "");
  EXPECT_EQ(client().next_name(), "done");
  EXPECT_EQ(client().next_name(), "end");
  EXPECT_EQ(init_->wait(), kExited0);
}

TEST_F(InitProcess, FaultsAndEndsOnFramesOutOfOrder) {
  const auto fault_after = [this](auto&& say) {
    launch({});
    EXPECT_EQ(client().next_name(), "ready");
    say(client());
    std::string name = client().next_name();
    if (name == "unpacked") name = client().next_name();
    client().hang_up();
    EXPECT_EQ(init_->wait(), kExited1);
    return name;
  };
  const std::string out_of_order = "fault protocol: a frame that does not belong here";
  EXPECT_EQ(fault_after([](InitClient& c) { c.run(0, {"true"}); }), out_of_order);
  EXPECT_EQ(fault_after([](InitClient& c) { c.pack("SVPACK1\nE"); }), out_of_order);
  EXPECT_EQ(fault_after([](InitClient& c) { c.frame(HostFrame::kill, 0, ""); }), out_of_order);
  EXPECT_EQ(fault_after([](InitClient& c) { c.frame(HostFrame::finish, 0, ""); }), out_of_order);
  EXPECT_EQ(fault_after([](InitClient& c) {
              c.hello();
              c.hello();
            }),
            out_of_order);
  EXPECT_EQ(fault_after([](InitClient& c) {
              c.hello();
              c.run(0, {"true"});
            }),
            out_of_order);
  EXPECT_EQ(fault_after([](InitClient& c) {
              c.hello();
              c.pack("SVPACK1\nE");
              c.pack("SVPACK1\nE");
            }),
            out_of_order);
  EXPECT_EQ(fault_after([](InitClient& c) {
              c.hello();
              c.pack("SVPACK1\nE");
              c.run(1, {"true"});
            }),
            "fault protocol: commands are not numbered in order");
  EXPECT_EQ(fault_after([](InitClient& c) { c.hello(0, 0); }), "fault protocol: a test may not run as root");
  EXPECT_EQ(fault_after([](InitClient& c) { c.hello(1, 1, false, 1); }),
            "fault protocol: hello asks for another protocol version");
  EXPECT_EQ(fault_after([](InitClient& c) { c.frame(static_cast<HostFrame>(99), 0, ""); }),
            "fault protocol: unknown frame type");
}

TEST_F(InitProcess, KillsTheCommandWhenTheHostBreaksTheProtocol) {
  ASSERT_TRUE(client().begin());
  client().run(0, {"sleep", "1000"});
  ASSERT_EQ(client().next_name(), "started");
  client().run(1, {"true"});
  EXPECT_EQ(client().next_name(), "fault protocol: only kill may come while a command runs");
  client().hang_up();
  EXPECT_EQ(init_->wait(), kExited1);
}

TEST_F(InitProcess, EndsWhenTheHostHangsUpBeforeAJob) {
  ASSERT_EQ(client().next_name(), "ready");
  client().hang_up();
  EXPECT_EQ(init_->wait(), kExited0);
}

TEST_F(InitProcess, EndsWithEveryProcessWhenTheHostHangsUpDuringACommand) {
  ASSERT_TRUE(client().begin());
  client().run(0, {"sh", "-c", "setsid sleep 1000 & sleep 1000"});
  ASSERT_EQ(client().next_name(), "started");
  client().hang_up();
  EXPECT_EQ(init_->wait(), kExited0);
}

TEST_F(InitProcess, RefusesToRunAsAnyOtherProcess) {
  const auto path = root_->path() / "skill-verifier-init";
  EXPECT_EQ(std::system((path.string() + " 2>/dev/null").c_str()), 2 << 8);
}

TEST_F(InitProcess, TakesWhatAHostStillWritesAfterAFault) {
  ASSERT_EQ(client().next_name(), "ready");
  client().frame(HostFrame::finish, 0, "");
  EXPECT_EQ(client().next_name(), "fault protocol: a frame that does not belong here");
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(client().frame(HostFrame::pack_data, 0, std::string(1u << 20, 'x')));
  client().hang_up();
  EXPECT_EQ(init_->wait(), kExited1);
}

// ---- commands

TEST_F(InitProcess, GivesACommandNothingButItsOwn) {
  ASSERT_TRUE(client().begin());
  const auto status = client().command({"cat", "/proc/self/status"}).out;
  EXPECT_EQ(field(status, "Uid"), "65534\t65534\t65534\t65534");
  EXPECT_EQ(field(status, "Gid"), "65534\t65534\t65534\t65534");
  EXPECT_EQ(field(status, "Groups"), " ");
  EXPECT_EQ(field(status, "NoNewPrivs"), "1");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
    EXPECT_EQ(field(status, set), "0000000000000000") << set;
  for (const char* set : {"SigBlk", "SigIgn", "SigCgt"})
    EXPECT_EQ(field(status, set), "0000000000000000") << set;
  EXPECT_EQ(client().shell("cat /proc/self/oom_score_adj; umask; pwd").out, "1000\n0022\n/skill\n");
  // ls itself opens the folder as 3.
  EXPECT_EQ(client().command({"ls", "/proc/self/fd"}).out, "0\n1\n2\n3\n");
  EXPECT_EQ(client().shell("ls -l /proc/self/fd/0 | tr -s ' ' | { read -r line; echo \"${line##* }\"; }").out,
            "/dev/null\n");
}

TEST_F(InitProcess, GivesExactlyTheEnvironmentAsked) {
  ASSERT_TRUE(client().begin());
  client().run(0, {"env"}, 60'000, 1000, {"PATH=/nowhere:/bin", "A=1 2", "EMPTY="});
  EXPECT_EQ(client().result().out, "PATH=/nowhere:/bin\nA=1 2\nEMPTY=\n");
}

TEST_F(InitProcess, SearchesTheUsualPlacesWithoutAPath) {
  ASSERT_TRUE(client().begin());
  client().run(0, {"env"}, 60'000, 1000, {});
  const auto result = client().result();
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.code(), 0);
}

TEST_F(InitProcess, ReportsExitCodesAndSignals) {
  ASSERT_TRUE(client().begin());
  EXPECT_EQ(client().shell("exit 0").code(), 0);
  EXPECT_EQ(client().shell("exit 255").code(), 255);
  EXPECT_EQ(client().shell("kill -SEGV $$").code(), 128 + SIGSEGV);
  EXPECT_EQ(client().shell("kill -TERM $$").code(), 128 + SIGTERM);
  EXPECT_EQ(client().shell("kill -KILL $$").code(), 128 + SIGKILL);
}

TEST_F(InitProcess, SaysLikeAShellWhyAProgramCannotBeExecuted) {
  const auto pack = PackBuilder()
                        .file("data", "x")
                        .executable("garbage", "no program")
                        .executable("lost", "#!/no/such/interpreter\n")
                        .end();
  ASSERT_TRUE(client().begin(pack));
  const auto check = [this](const std::string& name, int code, const std::string& why) {
    const auto result = client().command({name});
    EXPECT_TRUE(result.started);
    EXPECT_EQ(result.code(), code) << name;
    EXPECT_EQ(result.err, "skill-verifier-init: cannot execute '" + name + "': " + why + "\n");
  };
  check("no-such-command", 127, "not found in PATH");
  check("./missing", 127, "No such file or directory");
  check("./data/x", 127, "Not a directory");
  check("./lost", 127, "the interpreter or loader that it names does not exist in this image");
  check("./data", 126, "Permission denied");
  check("/skill", 126, "it is a folder");
  check("./garbage", 126, "neither a program for this machine nor a script that begins with #!");
}

TEST_F(InitProcess, RunsOneCommandAfterAnotherOnTheSameFiles) {
  ASSERT_TRUE(client().begin());
  EXPECT_EQ(client().shell("echo kept > file").code(), 0);
  EXPECT_EQ(client().shell("cat file").out, "kept\n");
}

TEST_F(InitProcess, LeavesNoProcessOfACommandBehind) {
  ASSERT_TRUE(client().begin());
  // A daemon in a session of its own that ignores SIGTERM and holds the pipes, and a zombie's parent.
  const auto result = client().shell("setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 1000; done' & echo up");
  EXPECT_EQ(result.out, "up\n");
  EXPECT_EQ(result.code(), 0);
  std::istringstream names(client().command({"ls", "/proc"}).out);
  std::vector<std::string> processes;
  for (std::string name; names >> name;) {
    if (name.find_first_not_of("0123456789") == std::string::npos) processes.push_back(name);
  }
  EXPECT_EQ(processes.size(), 2u) << "init and ls";
}

TEST_F(InitProcess, KeepsTheExitCodeOfACommandThatClosedItsOutput) {
  ASSERT_TRUE(client().begin());
  const auto result = client().shell("exec >&- 2>&-; exit 7");
  EXPECT_EQ(result.code(), 7);
  EXPECT_EQ(result.out, "");
}

// ---- time

TEST_F(InitProcess, KillsAtTheTimeLimit) {
  ASSERT_TRUE(client().begin());
  const auto result = client().shell("echo begun; trap '' TERM INT HUP; while :; do sleep 1000; done", 300);
  ASSERT_TRUE(result.exit) << result.fault;
  EXPECT_EQ(result.exit->reason, ExitReason::timeout);
  EXPECT_EQ(result.exit->wait_status, SIGKILL);
  EXPECT_GE(result.exit->duration_us, 300'000u);
  EXPECT_EQ(result.out, "begun\n");
  EXPECT_EQ(client().shell("echo next").out, "next\n") << "the sandbox goes on";
}

TEST_F(InitProcess, KillsAtTheTimeLimitWhileOutputStreams) {
  ASSERT_TRUE(client().begin());
  const auto result = client().shell("yes", 300, 1000);
  ASSERT_TRUE(result.exit);
  EXPECT_EQ(result.exit->reason, ExitReason::timeout);
  EXPECT_EQ(result.out.size(), 500u);
  EXPECT_EQ(result.exit->out_tail.size(), 500u);
}

TEST_F(InitProcess, KillsWhenTheHostAsks) {
  ASSERT_TRUE(client().begin());
  client().run(0, {"sh", "-c", "trap '' TERM; echo up; while :; do sleep 1000; done"});
  ASSERT_EQ(client().next_name(), "started");
  ASSERT_EQ(client().next_name(), "out");
  client().frame(HostFrame::kill, 0, "");
  const auto result = client().result();
  ASSERT_TRUE(result.exit);
  EXPECT_EQ(result.exit->reason, ExitReason::killed);
}

TEST_F(InitProcess, KillsWhenTheHostAsksInTheSameBreath) {
  ASSERT_TRUE(client().begin());
  client().together([](InitClient& c) {
    c.run(0, {"sleep", "1000"});
    c.frame(HostFrame::kill, 0, "");
  });
  const auto result = client().result();
  ASSERT_TRUE(result.exit) << result.fault;
  EXPECT_EQ(result.exit->reason, ExitReason::killed);
}

TEST_F(InitProcess, IgnoresAKillThatComesTooLate) {
  ASSERT_TRUE(client().begin());
  EXPECT_EQ(client().shell("true").code(), 0);
  client().frame(HostFrame::kill, 0, "");
  EXPECT_EQ(client().shell("exit 4").code(), 4);
}

// ---- output

TEST_F(InitProcess, SendsOutputWhileTheCommandRuns) {
  ASSERT_TRUE(client().begin());
  client().run(0, {"sh", "-c", "echo first; while [ ! -e go ]; do sleep 0.01; done; echo second"});
  ASSERT_EQ(client().next_name(), "started");
  const auto first = client().next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->payload, "first\n");
  std::ofstream(inside("/skill/go")) << "x";
  EXPECT_EQ(client().result().out, "second\n");
}

TEST_F(InitProcess, SendsEverythingWhenNothingHadToBeCut) {
  ASSERT_TRUE(client().begin());
  const auto result = client().shell("seq 1 1000", 60'000, 4000);
  ASSERT_TRUE(result.exit);
  EXPECT_EQ(result.exit->out_total, 3893u);
  EXPECT_EQ(result.out.size(), 3893u);
  EXPECT_TRUE(result.out.ends_with("999\n1000\n"));
  EXPECT_EQ(result.exit->out_tail, "");
}

TEST_F(InitProcess, KeepsHeadAndTailOfMuchOutput) {
  ASSERT_TRUE(client().begin());
  const auto result = client().shell("seq 1 500000; seq 1 500000 >&2", 60'000, 1u << 20);
  ASSERT_TRUE(result.exit);
  EXPECT_EQ(result.exit->out_total, 3'388'895u);
  EXPECT_EQ(result.exit->err_total, 3'388'895u);
  EXPECT_EQ(result.out.size(), 512u << 10);
  EXPECT_EQ(result.out, result.err);
  EXPECT_TRUE(result.out.starts_with("1\n2\n3\n"));
  EXPECT_EQ(result.exit->out_tail.size(), 512u << 10);
  EXPECT_EQ(result.exit->out_tail, result.exit->err_tail);
  EXPECT_TRUE(result.exit->out_tail.ends_with("\n499999\n500000\n"));
}

TEST_F(InitProcess, CarriesTheLongestTails) {
  ASSERT_TRUE(client().begin());
  const auto kept = std::uint64_t{sandbox::init::kMaxKept};
  const auto result = client().shell("head -c 9000000 /proc/kcore 2>/dev/null || yes | head -c 9000000", 60'000, kept);
  ASSERT_TRUE(result.exit) << result.fault;
  EXPECT_EQ(result.exit->out_total, 9'000'000u);
  EXPECT_EQ(result.exit->out_tail.size(), kept / 2);
}

TEST_F(InitProcess, DoesNotHoldACommandUpWhileTheHostReadsNothing) {
  ASSERT_TRUE(client().begin());
  client().run(0, {"sh", "-c", "yes | head -c 20000000; echo done > /skill/flag; exit 5"});
  ASSERT_TRUE(appears("/skill/flag"));
  const auto result = client().result();
  EXPECT_EQ(result.code(), 5);
  EXPECT_EQ(result.exit->out_total, 20'000'000u);
}

TEST_F(InitProcess, WrapsOutputThatLooksLikeFrames) {
  ASSERT_TRUE(client().begin());
  // exit frame: index 0, empty payload; done frame.
  const auto result = client().shell("printf '\\106\\0\\0\\0\\0\\0\\0\\0\\110\\0\\0\\0\\0\\0\\0\\0'; exit 9");
  EXPECT_EQ(result.out, std::string("\106\0\0\0\0\0\0\0\110\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(result.code(), 9);
}

}  // namespace
}  // namespace skill_verifier::testing_support
