// The file in which the emulator leaves a key for Azure Arc's clients.
#include "support/identity/client_certificates.hpp"

#include <hdikafka/detail/emulator/key_file.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

namespace {

using hdikafka::detail::emulation::emulator_key_file;
using std::string;

string content(string const& path)
{
    std::ifstream in(path);
    return string(std::istreambuf_iterator<char>(in), {});
}

/// What may be done with what is there, if anything is.
mode_t mode_of(string const& path)
{
    struct stat about = {};
    return ::lstat(path.c_str(), &about) == 0 ? about.st_mode & 0777U : 0;
}

} // namespace

TEST_CASE("there is no moment at which others may read the key")
{
    test::scratch_folder const folder;
    string const path = folder.path("agent.key");
    mode_t const before = ::umask(0);
    std::atomic<bool> enough = false;
    mode_t seen = 0;
    std::thread watcher([&] {
        while (!enough)
            seen |= mode_of(path) | mode_of(path + ".new");
    });
    {
        emulator_key_file file(path);
        for (int i = 0; i != 2'000; ++i)
            REQUIRE(file.write("key " + std::to_string(i)));
        CHECK(content(path) == "key 1999");
        CHECK(mode_of(path) == 0600);
    }
    enough = true;
    watcher.join();
    ::umask(before);
    CHECK(seen == 0600);
    CHECK(std::filesystem::is_empty(folder.path("")));
}

TEST_CASE("a file that was there is left alone, whatever it is")
{
    test::scratch_folder const folder;
    string const mine = folder.file("mine", "mine");
    string const linked = folder.path("link.key");
    std::filesystem::create_symlink(mine, linked);
    std::filesystem::create_symlink("nowhere", folder.path("dangling.key"));
    for (string const& path : {folder.file("old.key", "old"), linked, folder.path("dangling.key")}) {
        CAPTURE(path);
        emulator_key_file file(path);
        CHECK_FALSE(file.write("key"));
        CHECK_FALSE(std::filesystem::exists(path + ".new"));
    }
    CHECK(content(folder.path("old.key")) == "old");
    CHECK(content(mine) == "mine");
    CHECK(std::filesystem::is_symlink(linked));
    CHECK(std::filesystem::is_symlink(folder.path("dangling.key")));
}

TEST_CASE("a file that has come since is neither replaced nor removed")
{
    test::scratch_folder const folder;
    string const path = folder.path("agent.key");
    {
        emulator_key_file file(path);
        REQUIRE(file.write("key"));
        std::filesystem::rename(folder.file("other", "other"), path);
        CHECK_FALSE(file.write("another key"));
    }
    CHECK(content(path) == "other");
    {
        std::filesystem::remove(path);
        emulator_key_file file(path);
        REQUIRE(file.write("key"));
        std::filesystem::remove(path);
        CHECK(file.write("another key")); // the place is free again
        CHECK(content(path) == "another key");
    }
    CHECK(std::filesystem::is_empty(folder.path("")));
}

TEST_CASE("what is in the way of the new file is removed and not written to")
{
    test::scratch_folder const folder;
    string const path = folder.path("agent.key");
    string const mine = folder.file("mine", "mine");
    emulator_key_file file(path);
    REQUIRE(::link(mine.c_str(), (path + ".new").c_str()) == 0);
    CHECK(file.write("first"));
    std::filesystem::create_symlink(mine, path + ".new");
    CHECK(file.write("second"));
    CHECK(content(path) == "second");
    CHECK(content(mine) == "mine");
}
