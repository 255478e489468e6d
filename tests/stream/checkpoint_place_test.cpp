// The file of checkpoints and what may be in its place: modes and owners, links, pipes, too much, no room.
#include "support/identity/client_certificates.hpp"
#include "support/stream/stored.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <system_error>

using namespace test;

namespace {

struct stat about(std::string const& path)
{
    struct stat out = {};
    REQUIRE(::lstat(path.c_str(), &out) == 0);
    return out;
}

bool says(ending<points> const& end, std::string const& words, int code = 0)
{
    std::error_code const wanted =
        code == 0 ? make_error_code(hk::errc::invalid_option) : std::error_code(code, std::system_category());
    return end.code() == wanted && std::string(end.error().what()).find(words) != std::string::npos;
}

/// What `work` gives in a process that belongs to somebody else.
template <class Work>
bool as_another(uid_t user, gid_t group, Work work)
{
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        bool const changed = ::setgroups(0, nullptr) == 0 && ::setgid(group) == 0 && ::setuid(user) == 0;
        ::_exit(changed && work() ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

} // namespace

TEST_CASE("a file keeps the mode that its user has given it, whatever the writer's mask")
{
    scratch_folder const folder;
    std::string const path = folder.path("checkpoints");
    stored kept(path);
    mode_t const before = ::umask(0027);
    CHECK_FALSE(kept.save(point(1)));
    CHECK(about(path).st_mode == (S_IFREG | 0640)); // made
    for (mode_t const mode : {0600U, 0664U, 0604U, 0400U}) {
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        CHECK_FALSE(kept.save(point(2)));
        CHECK(about(path).st_mode == (S_IFREG | mode));
    }
    ::umask(before);
}

TEST_CASE("a file keeps its owner and group, or becomes the writer's and is opened to nobody by that")
{
    scratch_folder const folder;
    std::string const path = folder.path("checkpoints");
    CHECK_FALSE(stored(path).save(point(1)));
    uid_t const me = ::geteuid();
    REQUIRE(::chmod(path.c_str(), 0660) == 0);
    CHECK_FALSE(stored(path).save(point(2)));
    CHECK(about(path).st_uid == me);
    CHECK(about(path).st_gid == ::getegid());
    if (me != 0)
        return; // the rest takes files of others

    REQUIRE(::chown(path.c_str(), 1234, 5678) == 0);
    CHECK_FALSE(stored(path).save(point(3)));
    CHECK(about(path).st_uid == 1234);
    CHECK(about(path).st_gid == 5678);
    CHECK(about(path).st_mode == (S_IFREG | 0660));

    // Somebody else, who may make files here.
    REQUIRE(::chmod(path.c_str(), 0664) == 0);
    REQUIRE(::chown(folder.path("").c_str(), 4321, 8765) == 0);
    REQUIRE(::chown((path + ".lock").c_str(), 4321, 8765) == 0);
    CHECK(as_another(4321, 8765, [&] { return !stored(path).save(point(4)); }));
    CHECK(about(path).st_uid == 4321);
    CHECK(about(path).st_gid == 8765);
    CHECK(about(path).st_mode == (S_IFREG | 0644));
    CHECK(content(path).find("\"next_offset\":4") != std::string::npos);
}

TEST_CASE("what the writer may not read or write is told")
{
    if (::geteuid() != 0)
        return; // it takes somebody else's files
    scratch_folder const folder;
    std::string const path = folder.file("checkpoints", R"({"version":1,"checkpoints":[]})");
    REQUIRE(::chmod(folder.path("").c_str(), 01777) == 0);
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
    CHECK(as_another(4321, 8765, [&] { return says(stored(path).load(), "opening " + path, EACCES); }));
    REQUIRE(::chmod(path.c_str(), 0644) == 0);
    std::string const stale = folder.file("checkpoints.new", "stale");
    CHECK(as_another(4321, 8765, [&] {
        stored kept(path);
        return kept.load().good() && kept.save(point(1)) == std::errc::operation_not_permitted;
    }));
    CHECK(content(stale) == "stale");
    REQUIRE(::chmod(folder.path("").c_str(), 0755) == 0);
    std::string const other = folder.path("other");
    CHECK(as_another(4321, 8765, [&] { return says(stored(other).load(), other + ".lock", EACCES); }));
}

TEST_CASE("only a regular file is taken, and nothing is waited for")
{
    scratch_folder const folder;
    std::string const path = folder.path("checkpoints");
    std::string const lock = path + ".lock";
    std::string const target = folder.file("target", "important");
    for (std::string const& place : {path, lock}) {
        CAPTURE(place);
        REQUIRE(::mkfifo(place.c_str(), 0600) == 0);
        CHECK(says(stored(path).load(), place + " is a pipe"));
        CHECK(stored(path).save(point(1)) == hk::errc::invalid_option);
        REQUIRE(::unlink(place.c_str()) == 0);
        REQUIRE(::mkdir(place.c_str(), 0700) == 0);
        CHECK(stored(path).load().code() == std::errc::is_a_directory);
        REQUIRE(::rmdir(place.c_str()) == 0);
    }
    CHECK(says(stored("/dev/null").load(), "/dev/null is a device"));
    CHECK(!std::filesystem::exists("/dev/null.lock"));

    REQUIRE(::symlink(target.c_str(), lock.c_str()) == 0);
    CHECK(says(stored(path).load(), lock + " is a symbolic link"));
    REQUIRE(::unlink(lock.c_str()) == 0);
    REQUIRE(::symlink(folder.path("nowhere").c_str(), lock.c_str()) == 0);
    CHECK(says(stored(path).load(), lock + " is a symbolic link"));
    CHECK(!std::filesystem::exists(folder.path("nowhere")));
    CHECK(content(target) == "important");
}

TEST_CASE("what is in the place of the new file is removed and not written to")
{
    scratch_folder const folder;
    std::string const path = folder.path("checkpoints");
    std::string const fresh = path + ".new";
    std::string const target = folder.file("target", "important");
    stored kept(path);
    REQUIRE(::link(target.c_str(), fresh.c_str()) == 0);
    CHECK_FALSE(kept.save(point(1)));
    REQUIRE(::symlink(target.c_str(), fresh.c_str()) == 0);
    CHECK_FALSE(kept.save(point(2)));
    REQUIRE(::mkfifo(fresh.c_str(), 0600) == 0);
    CHECK_FALSE(kept.save(point(3)));
    CHECK(content(target) == "important");
    CHECK(kept.load().get().value() == points{point(3)});

    // And in the place of the old one, when it has come since.
    REQUIRE(::unlink(path.c_str()) == 0);
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK(kept.save(point(4)) == hk::errc::invalid_option);
    CHECK(S_ISFIFO(about(path).st_mode));
}

TEST_CASE("another name of the file stays with the old checkpoints")
{
    scratch_folder const folder;
    std::string const path = folder.path("checkpoints");
    stored kept(path);
    CHECK_FALSE(kept.save(point(1)));
    std::string const old = content(path);
    REQUIRE(::link(path.c_str(), folder.path("other").c_str()) == 0);
    CHECK_FALSE(kept.save(point(2)));
    CHECK(content(folder.path("other")) == old);
    CHECK(content(path) != old);
}

TEST_CASE("a link to a file that is yet to be made leads to where it is made")
{
    scratch_folder const folder;
    REQUIRE(::mkdir(folder.path("data").c_str(), 0700) == 0);
    REQUIRE(::symlink("data/second", folder.path("first").c_str()) == 0);
    REQUIRE(::symlink("checkpoints", folder.path("data/second").c_str()) == 0);
    CHECK_FALSE(stored(folder.path("first")).save(point(1)));
    CHECK(S_ISLNK(about(folder.path("first")).st_mode));
    CHECK(S_ISREG(about(folder.path("data/checkpoints")).st_mode));

    REQUIRE(::symlink("round", folder.path("round").c_str()) == 0);
    CHECK(stored(folder.path("round")).load().code() == std::errc::too_many_symbolic_link_levels);
    REQUIRE(::symlink("absent/checkpoints", folder.path("absent").c_str()) == 0);
    CHECK_FALSE(stored(folder.path("absent")).load().good());
}

TEST_CASE("a file that is too large is refused before it is read")
{
    scratch_folder const folder;
    std::string const path = folder.file("checkpoints", "{");
    REQUIRE(::truncate(path.c_str(), off_t{1} << 40) == 0);
    stored kept(path);
    hk::error const failure = kept.load().error();
    CHECK(failure.code() == std::errc::file_too_large);
    CHECK(std::string(failure.what()).find(path + " has more than 67108864 bytes") != std::string::npos);
    CHECK(kept.save(point(1)) == std::errc::file_too_large);
}

TEST_CASE("when the disk is full, what was saved stays and nothing is left beside it")
{
    scratch_folder const folder;
    std::string const path = folder.path("checkpoints");
    stored kept(path);
    CHECK_FALSE(kept.save(point(1)));
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit full = before;
    full.rlim_cur = 10;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
    std::error_code const failed = kept.save(point(2));
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
    std::signal(SIGXFSZ, handler);
    CHECK(failed == std::errc::file_too_large);
    CHECK(kept.load().get().value() == points{point(1)});
    CHECK(!std::filesystem::exists(path + ".new"));
    CHECK_FALSE(kept.save(point(3)));
    CHECK(content(path).find("\"next_offset\":3") != std::string::npos);
}

TEST_CASE("a program that is started from here does not have the lock")
{
    scratch_folder const folder;
    std::string const lock = folder.path("checkpoints.lock");
    stored kept(folder.path("checkpoints"));
    CHECK_FALSE(kept.save(point(1)));
    int found = 0;
    for (auto const& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        if (std::filesystem::read_symlink(entry.path(), gone).string() != lock)
            continue;
        ++found;
        int const number = std::stoi(entry.path().filename().string());
        CHECK((::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
    }
    CHECK(found == 1);
}
