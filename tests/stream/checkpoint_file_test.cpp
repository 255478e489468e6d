// The file of checkpoints: one writer, whole at any moment, also when the writer is killed.
#include "support/identity/client_certificates.hpp"
#include "support/stream/stored.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <random>
#include <string>

using namespace test;

namespace {

/// Saves 1, 2, 3, … and tells each number when it is saved, until it is killed.
[[noreturn]] void save_for_ever(std::string const& path, int told)
{
    stored kept(path);
    for (std::int64_t i = 1;; ++i) {
        if (kept.save(point(i)) || ::write(told, &i, sizeof i) != sizeof i)
            ::_exit(1);
    }
}

} // namespace

TEST_CASE("what was saved is there for the next store, by topic and partition")
{
    scratch_folder const folder;
    std::string const path = folder.path("checkpoints");
    {
        stored first(path);
        CHECK(first.load().get().value().empty()); // no file yet
        CHECK_FALSE(first.save(point(5)));
        CHECK_FALSE(first.save(point(7, "orders", 1)));
        CHECK_FALSE(first.save(point(9, "bills")));
        CHECK_FALSE(first.save(point(3))); // backwards, as it was told
        CHECK(first.load().get().value() == points{point(3), point(7, "orders", 1)});
    }
    stored second(path);
    CHECK(second.load().get().value() == points{point(3), point(7, "orders", 1)});
    CHECK(second.load("bills").get().value() == points{point(9, "bills")});
    CHECK(second.load("other").get().value().empty());
    CHECK_FALSE(second.save(point(4)));
    CHECK(second.load().get().value() == points{point(4), point(7, "orders", 1)});
}

TEST_CASE("one writer at a time")
{
    scratch_folder const folder;
    std::string const path = folder.path("checkpoints");
    std::optional<stored> first(path);
    CHECK_FALSE(first->save(point(5)));
    stored second(path);
    hk::error const busy = second.load().error();
    CHECK(busy.code() == std::errc::device_or_resource_busy);
    CHECK(std::string(busy.what()).find(path) != std::string::npos);
    CHECK(second.save(point(6)) == std::errc::device_or_resource_busy);
    {
        hk::file_checkpoint_store const copy = first->store; // the same file
        first.reset();
        CHECK(second.save(point(6)) == std::errc::device_or_resource_busy);
    }
    CHECK(second.load().get().value() == points{point(5)});
}

TEST_CASE("a file that is something else is refused, and left as it is")
{
    scratch_folder const folder;
    for (std::string const text : {"", "important\n", R"({"version":2,"checkpoints":[]})"}) {
        std::string const path = folder.file("checkpoints", text);
        stored kept(path);
        hk::error const failure = kept.load().error();
        CHECK(failure.code() == hk::errc::invalid_json);
        CHECK(std::string(failure.what()).find(path) != std::string::npos);
        CHECK(kept.save(point(1)) == hk::errc::invalid_json);
        CHECK(content(path) == text);
    }
}

TEST_CASE("a link leads to the file, for whoever goes by way of it")
{
    scratch_folder const folder;
    std::string const path = folder.path("checkpoints");
    std::string const link = folder.path("link");
    CHECK_FALSE(stored(path).save(point(1)));
    REQUIRE(::symlink(path.c_str(), link.c_str()) == 0);
    stored by_link(link);
    CHECK_FALSE(by_link.save(point(2)));
    CHECK(stored(path).load().code() == std::errc::device_or_resource_busy);
    CHECK(content(path).find("\"next_offset\":2") != std::string::npos);
}

TEST_CASE("a program that goes elsewhere still writes the same file")
{
    scratch_folder const folder;
    std::string const before = std::filesystem::current_path();
    std::filesystem::current_path(folder.path(""));
    stored kept("checkpoints");
    CHECK_FALSE(kept.save(point(1)));
    std::filesystem::current_path("/");
    CHECK_FALSE(kept.save(point(2)));
    std::filesystem::current_path(before);
    CHECK(content(folder.path("checkpoints")).find("\"next_offset\":2") != std::string::npos);
}

TEST_CASE("a file without a name is refused") { CHECK(stored("").load().code() == hk::errc::invalid_option); }

TEST_CASE("what the system refuses is told, and a save that failed has changed nothing")
{
    scratch_folder const folder;
    CHECK(stored(folder.path("none/checkpoints")).save(point(1)) == std::errc::no_such_file_or_directory);
    CHECK(stored(folder.path("")).load().code() == std::errc::is_a_directory);

    std::string const path = folder.path("checkpoints");
    stored kept(path);
    CHECK_FALSE(kept.save(point(1)));
    REQUIRE(::mkdir((path + ".new").c_str(), 0700) == 0);
    CHECK(kept.save(point(2)) == std::errc::is_a_directory);
    CHECK(kept.load().get().value() == points{point(1)});
    REQUIRE(::rmdir((path + ".new").c_str()) == 0);
    CHECK_FALSE(kept.save(point(3, "orders", 1))); // without the one that failed
    CHECK(kept.load().get().value() == points{point(1), point(3, "orders", 1)});
}

TEST_CASE("whoever comes after a writer that was killed finds what that one was told is saved")
{
    scratch_folder const folder;
    std::string const path = folder.path("checkpoints");
    std::mt19937 random(20261123);
    for (int round = 0; round != 100; ++round) {
        CAPTURE(round);
        std::array<int, 2> ends{};
        REQUIRE(::pipe(ends.data()) == 0);
        pid_t const writer = ::fork();
        REQUIRE(writer >= 0);
        if (writer == 0)
            save_for_ever(path, ends[1]);
        ::close(ends[1]);
        std::int64_t last = 0;
        auto const enough = static_cast<std::int64_t>(1 + random() % 20);
        while (last < enough && ::read(ends[0], &last, sizeof last) == sizeof last) {
        }
        ::usleep(static_cast<useconds_t>(random() % 300)); // into the midst of the next one
        REQUIRE(::kill(writer, SIGKILL) == 0);
        while (::read(ends[0], &last, sizeof last) == sizeof last) {
        }
        ::close(ends[0]);
        REQUIRE(::waitpid(writer, nullptr, 0) == writer);
        CHECK(last >= enough);
        stored after(path);
        auto const found = after.load().get().value();
        REQUIRE(found.size() == 1);
        CHECK((found[0].next_offset == last || found[0].next_offset == last + 1));
    }
}
