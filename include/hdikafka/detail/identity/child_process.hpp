// Another program, run without a shell: its output in bounds, its end within a limit, and nothing of it left
// behind.
#ifndef HDIKAFKA_DETAIL_IDENTITY_CHILD_PROCESS_HPP
#define HDIKAFKA_DETAIL_IDENTITY_CHILD_PROCESS_HPP

#include <hdikafka/detail/base/owned_descriptor.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/run/asio_io.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#if defined(ASIO_HAS_POSIX_STREAM_DESCRIPTOR) && __has_include(<spawn.h>)
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#if !defined(__GLIBC__)
extern "C" char** environ; // which POSIX has no header declare
#endif
#endif

namespace hdikafka::inline v0_1::detail {

/// How the run of a program came to an end.
enum class child_end : unsigned char
{
    not_supported, ///< This platform's way of starting one is not known here.
    not_started,   ///< `code` says why, as the system does (errno).
    exited,        ///< `code` is its exit code; -1 when a signal ended it, or somebody else waited for it.
    too_slow,      ///< It was killed at the limit.
    too_much,      ///< It was killed for all that it wrote to stdout.
};

class child_report
{
public:
    child_report() = default;

    child_end end = child_end::not_supported;
    int code = 0;
    secret output;         ///< What it wrote to stdout; of a program that was killed, nothing.
    std::string complaint; ///< The beginning of what it wrote to stderr.
};

class child_limits
{
public:
    child_limits() = default;
    explicit child_limits(std::chrono::milliseconds longest) : time(longest) {}

    std::chrono::milliseconds time{10'000};
    std::size_t output = 64 * 1024;
    std::size_t complaint = 4 * 1024;
};

#if defined(ASIO_HAS_POSIX_STREAM_DESCRIPTOR) && __has_include(<spawn.h>)

/// 0, or the system's reason.
inline int open_pipe(owned_descriptor& from, owned_descriptor& into) noexcept
{
    std::array<int, 2> ends{-1, -1};
#if defined(__APPLE__)
    int const failed = ::pipe(ends.data());
#else
    int const failed = ::pipe2(ends.data(), O_CLOEXEC);
#endif
    if (failed != 0)
        return errno;
    owned_descriptor const first(ends[0]);
    owned_descriptor const second(ends[1]);
    // Beyond 0, 1 and 2, on which the child's own are laid, and which a program may have closed.
    // NOLINTBEGIN(cppcoreguidelines-pro-type-vararg): the system's own
    from = owned_descriptor(::fcntl(first.number(), F_DUPFD_CLOEXEC, 3));
    into = owned_descriptor(::fcntl(second.number(), F_DUPFD_CLOEXEC, 3));
    // NOLINTEND(cppcoreguidelines-pro-type-vararg)
    return from.number() < 0 || into.number() < 0 ? errno : 0;
}

// Both are newer than POSIX; where the system lacks one, the child is started all the same.

/// Asio's sockets and much else of a program are not close-on-exec.
template <class Actions>
int close_all_others([[maybe_unused]] Actions* actions)
{
    if constexpr (requires { posix_spawn_file_actions_addclosefrom_np(actions, 3); })
        return posix_spawn_file_actions_addclosefrom_np(actions, 3);
    return 0;
}

/// Nothing that lies in the program's current directory is taken for a part of the child.
template <class Actions>
int change_to_root([[maybe_unused]] Actions* actions)
{
    if constexpr (requires { posix_spawn_file_actions_addchdir_np(actions, "/"); })
        return posix_spawn_file_actions_addchdir_np(actions, "/");
    return 0;
}

/// What C takes: pointers to the texts, and null behind them.
inline std::vector<char*> pointers_to(std::vector<std::string> const& texts)
{
    std::vector<char*> out;
    out.reserve(texts.size() + 1);
    for (std::string const& text : texts)
        out.push_back(const_cast<char*>(text.c_str())); // NOLINT(*-const-cast): C's declaration; it reads
    out.push_back(nullptr);
    return out;
}

/// This process's environment, with each of `variables` ("NAME=value") in the place of its own.
inline std::vector<char*> environment_with(std::vector<std::string> const& variables)
{
    std::vector<char*> out = pointers_to(variables);
    for (char** at = environ; at && *at; ++at) {
        std::string_view const text(*at);
        std::string_view const name = text.substr(0, text.find('=') + 1);
        bool const replaced = std::ranges::any_of(
            variables, [name](std::string const& one) { return !name.empty() && one.starts_with(name); });
        if (!replaced)
            out.insert(out.end() - 1, *at);
    }
    return out;
}

/// What a program is started with.
class child_command
{
public:
    std::vector<std::string> words;     ///< Its name, which is looked for in PATH, and its arguments.
    std::vector<std::string> variables; ///< "NAME=value", beside or instead of this process's own.
};

/// Starts it with a process group of its own, nothing to read, and none of this process's signal settings. 0,
/// or the system's reason.
template <class = void>
int spawn(child_command const& command, int output, int complaint, pid_t& child)
{
    class plan
    {
    public:
        plan()
            : failed_(posix_spawn_file_actions_init(&actions)),
              attributes_failed_(posix_spawnattr_init(&attributes))
        {}
        plan(plan const&) = delete;
        plan& operator=(plan const&) = delete;
        ~plan()
        {
            if (failed_ == 0)
                posix_spawn_file_actions_destroy(&actions);
            if (attributes_failed_ == 0)
                posix_spawnattr_destroy(&attributes);
        }

        int failed() const noexcept { return failed_ != 0 ? failed_ : attributes_failed_; }

        posix_spawn_file_actions_t actions{};
        posix_spawnattr_t attributes{};

    private:
        int failed_;
        int attributes_failed_;
    };

    plan how;
    if (how.failed() != 0)
        return how.failed();
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    constexpr int flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    std::array<int, 9> const steps{
        posix_spawn_file_actions_addopen(&how.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0),
        posix_spawn_file_actions_adddup2(&how.actions, output, STDOUT_FILENO),
        posix_spawn_file_actions_adddup2(&how.actions, complaint, STDERR_FILENO),
        close_all_others(&how.actions),
        change_to_root(&how.actions),
        posix_spawnattr_setflags(&how.attributes, static_cast<short>(flags)),
        posix_spawnattr_setpgroup(&how.attributes, 0),
        posix_spawnattr_setsigmask(&how.attributes, &none),
        posix_spawnattr_setsigdefault(&how.attributes, &all)};
    for (int const failed : steps)
        if (failed != 0)
            return failed;
    std::vector<char*> arguments = pointers_to(command.words);
    std::vector<char*> environment = environment_with(command.variables);
    return posix_spawnp(&child, arguments.front(), &how.actions, &how.attributes, arguments.data(),
                        environment.data());
}

/// A program under way. All but its end happens on one thread at a time, that of its executor.
template <class Lazy>
class child_run : public std::enable_shared_from_this<child_run<Lazy>>
{
public:
    child_run(net::any_io_executor const& executor, child_limits const& limits)
        : timer(executor), output_(executor, limits.output + 1), complaint_(executor, limits.complaint)
    {}
    child_run(child_run const&) = delete;
    child_run& operator=(child_run const&) = delete;
    ~child_run() { stop(); }

    /// 0, or the system's reason.
    int start(child_command const& command)
    {
        owned_descriptor output;
        owned_descriptor complaint;
        if (int const failed = open(output_, output))
            return failed;
        if (int const failed = open(complaint_, complaint))
            return failed;
        if (int const failed = spawn<>(command, output.number(), complaint.number(), child_))
            return failed;
        read(output_);
        read(complaint_);
        return 0;
    }

    /// Somebody may still write what is to be kept. Ends the timer's wait when that changes.
    bool reading() const noexcept { return (output_.open || complaint_.open) && !too_much(); }

    bool too_much() const noexcept { return output_.size == output_.text.size(); }

    /// Whether it has exited; the exit code is known then.
    bool exited() noexcept
    {
        int status = 0;
        pid_t const found = child_ > 0 ? ::waitpid(child_, &status, WNOHANG) : -1;
        if (found == 0)
            return false;
        code_ = found > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        child_ = 0;
        return true;
    }

    /// What it wrote and how it exited.
    child_report take()
    {
        child_report out;
        out.end = child_end::exited;
        out.code = code_;
        output_.text.resize(output_.size);
        out.output = secret(std::move(output_.text));
        out.complaint = complaint_.text.substr(0, complaint_.size);
        return out;
    }

    /// Kills it and what it started, leaves no zombie, and reads no more.
    void stop() noexcept
    {
        std::error_code ignored;
        output_.pipe.close(ignored);
        complaint_.pipe.close(ignored);
        cleanse(output_.text);
        // As long as nobody has waited for the child its number is its own, and its group's.
        siginfo_t look{};
        if (child_ > 0 &&
            ::waitid(P_PID, static_cast<id_t>(child_), &look, WEXITED | WNOHANG | WNOWAIT) == 0) {
            bool const dies = ::kill(-child_, SIGKILL) == 0;
            while (::waitpid(child_, nullptr, dies ? 0 : WNOHANG) < 0 && errno == EINTR) {
            }
        }
        child_ = 0;
    }

    net::steady_timer timer;

private:
    /// What the program writes to, seen from here.
    class inlet
    {
    public:
        inlet(net::any_io_executor const& executor, std::size_t room) : pipe(executor), text(room, '\0') {}

        net::posix::stream_descriptor pipe;
        std::string text;     ///< Of its final size from the start: it never moves, for it may hold a secret.
        std::size_t size = 0; ///< How much of it was read.
        bool open = false;
    };

    static int open(inlet& one, owned_descriptor& into)
    {
        owned_descriptor from;
        if (int const failed = open_pipe(from, into))
            return failed;
        std::error_code failure;
        one.pipe.assign(from.number(), failure);
        if (failure)
            return failure.value();
        from.release();
        one.open = true;
        return 0;
    }

    void read(inlet& from)
    {
        // What does not fit is read and dropped: a program that cannot write would wait for ever.
        bool const fits = from.size < from.text.size();
        char* const at = fits ? from.text.data() + from.size : dropped_.data();
        std::size_t const room = fits ? from.text.size() - from.size : dropped_.size();
        from.pipe.async_read_some(net::buffer(at, room), [run = this->shared_from_this(), &from,
                                                          fits](std::error_code failure, std::size_t size) {
            from.size += fits ? size : 0;
            from.open = !failure && from.pipe.is_open();
            if (from.open && !run->too_much())
                run->read(from);
            else
                run->timer.cancel();
        });
    }

    inlet output_;
    inlet complaint_;
    std::array<char, 1024> dropped_{}; ///< Of stderr: stdout is read no further than to its limit.
    pid_t child_ = 0;                  ///< 0: none, or it was waited for.
    int code_ = 0;
};

/// Runs a program (see child_command), which ends with this coroutine at the latest. Where it runs is a
/// strand.
template <class = void>
net::awaitable<child_report> run_child(std::vector<std::string> words, child_limits limits,
                                       std::vector<std::string> variables = {})
{
    class stop
    {
    public:
        void operator()(child_run<void>* run) const noexcept { run->stop(); }
    };

    auto const executor = co_await net::this_coro::executor;
    auto const run = std::make_shared<child_run<void>>(executor, limits);
    std::unique_ptr<child_run<void>, stop> const at_the_latest(run.get());
    auto const due = std::chrono::steady_clock::now() + limits.time;
    child_report report;
    child_command const command{std::move(words), std::move(variables)};
    report.code = run->start(command);
    if (report.code != 0) {
        report.end = child_end::not_started;
        co_return report;
    }
    std::error_code ignored;
    while (run->reading() && std::chrono::steady_clock::now() < due) {
        run->timer.expires_at(due);
        co_await run->timer.async_wait(net::redirect_error(net::use_awaitable, ignored));
    }
    // Nothing portable tells of its exit, which follows the end of its output at once.
    bool const silent = !run->reading() && !run->too_much();
    bool exited = silent && run->exited();
    std::chrono::milliseconds pause(1);
    while (silent && !exited && std::chrono::steady_clock::now() < due) {
        run->timer.expires_after(pause);
        co_await run->timer.async_wait(net::redirect_error(net::use_awaitable, ignored));
        pause = std::min(2 * pause, std::chrono::milliseconds(50));
        exited = run->exited();
    }
    if (exited)
        report = run->take();
    else
        report.end = run->too_much() ? child_end::too_much : child_end::too_slow;
    co_return report;
}

#else

template <class = void>
net::awaitable<child_report> run_child(std::vector<std::string>, child_limits, std::vector<std::string> = {})
{
    child_report report;
    co_return report;
}

#endif

} // namespace hdikafka::inline v0_1::detail

#endif
