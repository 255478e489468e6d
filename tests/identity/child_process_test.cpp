// Running another program: what it is given, what it says, how it ends, and that nothing of it is left.
#include "support/identity/child_watch.hpp"
#include "support/base/environment.hpp"
#include "support/base/waiting.hpp"

#include <hdikafka/detail/identity/child_process.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <exception>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace test;
using namespace std::chrono_literals;
using hdikafka::detail::child_end;
using hdikafka::detail::child_limits;
using hdikafka::detail::child_report;
using std::string;

namespace {

using words = std::vector<string>;

words shell(string script) { return {"sh", "-c", std::move(script)}; }

child_limits patient() { return child_limits(5min); }

/// Runs a program to its end.
child_report run(words command, child_limits limits = patient())
{
    asio::io_context io;
    std::optional<child_report> out;
    asio::co_spawn(asio::make_strand(io), hdikafka::detail::run_child<>(std::move(command), limits),
                   [&out](std::exception_ptr failure, child_report report) {
                       REQUIRE_FALSE(failure);
                       out = std::move(report);
                   });
    io.run();
    REQUIRE(out);
    CHECK(childless());
    return std::move(*out);
}

/// The same with a limit, which is so long that the script has begun.
child_report run_too_long(life_line const& life, string const& script)
{
    for (auto limit = 100ms;; limit *= 2) {
        child_report out = run(shell(life.hold() + script), child_limits(limit));
        if (life.begun()) {
            CHECK(life.ends());
            return out;
        }
    }
}

/// A program that has begun, on a context of its own, and can be cut short.
class under_way
{
public:
    under_way(life_line const& life, string const& script) : io(std::make_unique<asio::io_context>())
    {
        asio::co_spawn(asio::make_strand(*io),
                       hdikafka::detail::run_child<>(shell(life.hold() + script), patient()),
                       asio::bind_cancellation_slot(
                           signal.slot(), [this](std::exception_ptr, child_report) { ended = true; }));
        work_until(*io, [&life] { return life.begun(); });
    }

    asio::cancellation_signal signal;
    bool ended = false;
    std::unique_ptr<asio::io_context> io;
};

/// A setting of this process for a signal, for as long as this lives.
class signal_setting
{
public:
    signal_setting(int number, void (*handler)(int)) : number_(number), before_(std::signal(number, handler))
    {}
    signal_setting(signal_setting const&) = delete;
    signal_setting& operator=(signal_setting const&) = delete;
    ~signal_setting() { std::signal(number_, before_); }

private:
    int number_;
    void (*before_)(int);
};

} // namespace

TEST_CASE("a program's words reach it byte for byte, and no shell has seen them")
{
    auto const said = run({"sh", "-c", R"(printf '<%s>' "$0" "$@")", "name", "a b", "", "*", "$HOME", "'\"\\",
                           "--x=1;2", "\xff\n"});
    CHECK(said.end == child_end::exited);
    CHECK(said.code == 0);
    CHECK(said.output.text() == "<name><a b><><*><$HOME><'\"\\><--x=1;2><\xff\n>");
    CHECK(said.complaint.empty());
}

TEST_CASE("exit codes and what is said on the way out are reported")
{
    for (int const code : {1, 2, 126, 127, 255}) {
        auto const said = run(shell("echo out; echo err >&2; exit " + std::to_string(code)));
        CHECK(said.end == child_end::exited);
        CHECK(said.code == code);
        CHECK(said.output.text() == "out\n");
        CHECK(said.complaint == "err\n");
    }
    auto const killed = run(shell("echo out; kill -9 $$"));
    CHECK(killed.end == child_end::exited);
    CHECK(killed.code == -1);
    CHECK(killed.output.text() == "out\n");
}

TEST_CASE("a program that is not there, or is none, is not started")
{
    scratch_folder const folder;
    auto const missing = run({"no-program-has-this-name"});
    CHECK(missing.end == child_end::not_started);
    CHECK(missing.code == ENOENT);
    folder.file("notes", "echo no");
    variable const path("PATH", folder.path(""));
    auto const forbidden = run({"notes"});
    CHECK(forbidden.end == child_end::not_started);
    CHECK(forbidden.code == EACCES);
    REQUIRE(::chmod(folder.path("notes").c_str(), 0700) == 0);
    auto const no_program = run({"notes"}); // not even a shell's: no "#!"
    CHECK(no_program.end == child_end::not_started);
    CHECK(no_program.code == ENOEXEC);
}

TEST_CASE("nothing is started when the system has no descriptors left")
{
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    asio::io_context io;
    asio::steady_timer const first(io); // has Asio open what it needs for itself
    std::optional<child_report> out;
    asio::co_spawn(io, hdikafka::detail::run_child<>(words{"true"}, patient()),
                   [&out](std::exception_ptr, child_report report) { out = std::move(report); });
    rlimit none = before;
    none.rlim_cur = 3;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    io.run();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    REQUIRE(out);
    CHECK(out->end == child_end::not_started);
    CHECK(out->code == EMFILE);
}

TEST_CASE("the child has stdin, stdout and stderr and no other descriptor of ours")
{
    int const open = ::open("/dev/null", O_RDWR); // not close-on-exec, as Asio's sockets are
    REQUIRE(open > 2);
    CHECK(run(shell("ls /proc/$$/fd; :")).output.text() == "0\n1\n2\n");
    CHECK(run(shell("readlink /proc/$$/fd/0; cat")).output.text() == "/dev/null\n");
    ::close(open);
}

TEST_CASE("a program that has closed its own stdin can run others")
{
    int const kept = ::dup(0);
    REQUIRE(kept > 2);
    REQUIRE(::close(0) == 0);
    auto const said = run(shell("echo out; echo err >&2; readlink /proc/$$/fd/0"));
    REQUIRE(::dup2(kept, 0) == 0);
    ::close(kept);
    CHECK(said.output.text() == "out\n/dev/null\n");
    CHECK(said.complaint == "err\n");
}

TEST_CASE(
    "the child has default signals, a group of its own, our environment and no working directory of ours")
{
    signal_setting const pipe(SIGPIPE, SIG_IGN);
    signal_setting const interrupt(SIGINT, SIG_IGN);
    variable const given("HDIKAFKA_TEST_GIVEN", "a value");
    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    REQUIRE(::pthread_sigmask(SIG_BLOCK, &blocked, &before) == 0);
    // The C library keeps two real-time signals to itself.
    auto const said = run(shell("trap - INT PIPE; kill -s INT $$; echo alive"));
    auto const masks = run({"sed", "-n", "s/^Sig\\(Blk\\|Ign\\):[^0-9a-f]*//p", "/proc/self/status"});
    auto const place = run(
        shell("pwd; echo \"$HDIKAFKA_TEST_GIVEN\"; test $(cut -d ' ' -f 5 /proc/$$/stat) = $$ && echo own"));
    REQUIRE(::pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
    CHECK(said.code == -1); // an ignored signal stays ignored in a shell, whatever it is told
    CHECK(said.output.text().empty());
    REQUIRE(masks.output.text().size() == 34);
    CHECK(masks.output.text().substr(0, 16) == string(16, '0'));
    CHECK(masks.output.text().substr(26, 7) == string(7, '0')); // signals 1 to 28
    CHECK(place.output.text() == "/\na value\nown\n");
}

TEST_CASE("output up to the limit is kept, and a program that prints more is killed")
{
    scratch_folder const folder;
    life_line const life(folder);
    child_limits limits = patient();
    limits.output = 1'000;
    auto const all = run(shell("head -c 1000 /dev/zero"), limits);
    CHECK(all.end == child_end::exited);
    CHECK(all.output.text() == string(1'000, '\0'));
    auto const more = run(shell("head -c 1001 /dev/zero"), limits);
    CHECK(more.end == child_end::too_much);
    CHECK(more.output.empty());
    auto const endless = run(shell(life.hold() + "trap '' PIPE; while :; do cat /dev/zero; done"), limits);
    CHECK(endless.end == child_end::too_much);
    CHECK(life.ends());
}

TEST_CASE("a flood of complaints keeps nobody from the output, and its beginning is kept")
{
    auto const said = run(shell("head -c 1000000 /dev/zero | tr '\\0' x >&2; echo out"));
    CHECK(said.end == child_end::exited);
    CHECK(said.output.text() == "out\n");
    CHECK(said.complaint == string(4 * 1024, 'x'));
}

TEST_CASE("the limit ends a program that hangs, however it does")
{
    scratch_folder const folder;
    life_line const life(folder);
    CHECK(run_too_long(life, "sleep 1000").end == child_end::too_slow);
    CHECK(run_too_long(life, "trap '' TERM INT HUP; while :; do sleep 1000; done").end ==
          child_end::too_slow);
    CHECK(run_too_long(life, "exec 1>&- 2>&-; sleep 1000").end == child_end::too_slow);
    CHECK(run_too_long(life, "sleep 1000 & echo out; exit 0").end == child_end::too_slow);
}

TEST_CASE("the end of the output and that of the program may be far apart")
{
    scratch_folder const folder;
    string const fifo = folder.path("go");
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    // Runs a script that reads a line from the FIFO, which is written when everything else has happened.
    auto const run_on = [&fifo](string const& script) {
        asio::io_context io;
        std::optional<child_report> out;
        asio::co_spawn(io, hdikafka::detail::run_child<>(shell("go='" + fifo + "'; " + script), patient()),
                       [&out](std::exception_ptr, child_report report) { out = std::move(report); });
        int go = -1;
        while (go < 0) { // until somebody reads it
            io.poll();
            go = ::open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        }
        REQUIRE(::write(go, "\n", 1) == 1);
        ::close(go);
        io.run();
        CHECK(childless());
        REQUIRE(out);
        CHECK(out->end == child_end::exited);
        return std::move(*out);
    };
    auto const silent = run_on("echo out; exec 1>&- 2>&-; read line <\"$go\"; exit 7");
    CHECK(silent.code == 7);
    CHECK(silent.output.text() == "out\n");
    auto const outlived = run_on("exec 1>&-; { read line <\"$go\"; echo late >&2; } & exit 7");
    CHECK(outlived.code == 7);
    CHECK(outlived.complaint == "late\n");
}

TEST_CASE("cancelling ends the program and what it has started")
{
    scratch_folder const folder;
    life_line const life(folder);
    for (string const script : {"sleep 1000", "exec 1>&- 2>&-; trap '' TERM; sleep 1000 & wait"}) {
        under_way program(life, script);
        program.signal.emit(asio::cancellation_type::terminal);
        program.io->run();
        CHECK(program.ended);
        CHECK(childless());
        CHECK(life.ends());
    }
}

TEST_CASE("so does the destruction of the context on which it is waited for")
{
    scratch_folder const folder;
    life_line const life(folder);
    for (string const script : {"sleep 1000", "exec 1>&- 2>&-; trap '' TERM; sleep 1000 & wait"}) {
        under_way program(life, script);
        program.io.reset();
        CHECK_FALSE(program.ended);
        CHECK(childless());
        CHECK(life.ends());
    }
}

TEST_CASE("a program that waits for all of its children itself loses the exit code, and nothing else")
{
    scratch_folder const folder;
    life_line const life(folder);
    signal_setting const children(SIGCHLD, SIG_IGN);
    auto const said = run(shell("echo out; exit 3"));
    CHECK(said.end == child_end::exited);
    CHECK(said.code == -1);
    CHECK(said.output.text() == "out\n");
    CHECK(run_too_long(life, "sleep 1000").end == child_end::too_slow);
}

TEST_CASE("many at a time on many threads")
{
    asio::thread_pool threads(4);
    std::atomic<int> good = 0;
    constexpr int count = 40;
    for (int i = 0; i != count; ++i) {
        string const text = std::to_string(i);
        asio::co_spawn(
            asio::make_strand(threads),
            hdikafka::detail::run_child<>(shell("echo " + text + "; echo " + text + " >&2"), patient()),
            [&good, text](std::exception_ptr failure, child_report report) {
                good += !failure && report.code == 0 && report.output.text() == text + "\n" &&
                        report.complaint == text + "\n";
            });
    }
    threads.join();
    CHECK(good == count);
    CHECK(childless());
}
