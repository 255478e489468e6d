// A managed identity on a machine of Azure Arc: the agent's challenge, and the file that it names.
#include "support/identity/identity_site.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <filesystem>
#include <string>

using namespace test;
using hkd::identity_host;
using std::string;

namespace {

/// Arc names this file, of which nothing must be sent; gives the words of the error.
string refused_key(arc_files const& files, string const& path)
{
    identity_site peer(identity_host::arc, script().serve(challenge(path)).serve(identity_token("the-token")),
                       {}, identity_transport(), files.folder());
    hk::error const failed = peer.failure();
    CAPTURE(path);
    CHECK(failed.code() == hk::errc::token_refused);
    CHECK(failed.info().http_status == 401);
    CHECK(peer.server.requests().size() == 1);
    return failed.what();
}

} // namespace

TEST_CASE("the key in the file that Azure Arc's agent names is shown to it, trimmed")
{
    arc_files const files;
    string const largest = string(4092, 'k') + " \r\n\t";
    for (string const& content : {arc_key_text, "\r\n " + arc_key_text + "\t\n", largest})
        for (string const scheme : {"Basic realm=", "basic REALM = "}) {
            CAPTURE(content.size());
            string const path = files.file("3f.key", content);
            identity_site peer(identity_host::arc,
                               script().serve(challenge(path, scheme)).serve(identity_token("the-token")), {},
                               identity_transport(), files.folder());
            auto const end = peer.asker.call();
            REQUIRE(end.good());
            CHECK(end.get().value().token.token() == "the-token");
            CHECK(end.get().value().source == "managed identity (Azure Arc)");
            auto const got = peer.server.requests();
            REQUIRE(got.size() == 2);
            string const target =
                "/arc/token?api-version=2019-11-01&resource=https%3A%2F%2Fhib.azurehdinsight.net";
            CHECK(got[0].head == request_head(got[0], peer.server, target, "Metadata: true\r\n"));
            CHECK(got[1].field("authorization") ==
                  "Basic " + (content == largest ? string(4092, 'k') : arc_key_text));
            CHECK(got[1].field("metadata") == "true");
            CHECK(got[1].line == got[0].line);
        }
}

TEST_CASE("a path in quotes is read, too")
{
    arc_files const files;
    string const path = files.file("3f.key", arc_key_text);
    identity_site peer(identity_host::arc,
                       script().serve(challenge("\"" + path + "\"")).serve(identity_token("the-token")), {},
                       identity_transport(), files.folder());
    CHECK(peer.asker.call().good());
}

TEST_CASE("no file but a small regular .key file right in the folder of Azure Arc's agent is ever shown")
{
    arc_files const files;
    arc_files const others;
    string const folder = files.folder();
    string const outside = others.file("a.key", arc_key_text);
    files.file("inside.key", arc_key_text);
    files.file("inside.txt", arc_key_text);
    std::filesystem::create_directory(folder + "/folder.key");
    std::filesystem::create_directory(folder + "/sub");
    files.file("sub/inside.key", arc_key_text);
    std::filesystem::create_symlink(outside, folder + "/out.key");
    std::filesystem::create_symlink("inside.txt", folder + "/text.key");
    REQUIRE(mkfifo((folder + "/pipe.key").c_str(), 0600) == 0);
    string const name = std::filesystem::path(folder).filename().string();

    for (string const& path :
         {outside, folder + "/../" + std::filesystem::path(others.folder()).filename().string() + "/a.key",
          folder + "/../" + name + "/inside.key", folder + "/./inside.key", folder + "//inside.key",
          folder + "/inside.txt", folder + "/sub/inside.key", folder + "/.key", string("inside.key"),
          string()})
        CHECK(says(refused_key(files, path), "is not a .key file in " + folder));
    for (string const bad : {"/out.key", "/text.key", "/missing.key"})
        CHECK(says(refused_key(files, folder + bad), "cannot be opened"));
    for (string const bad : {"/folder.key", "/pipe.key"})
        CHECK(says(refused_key(files, folder + bad), "no file that can be read"));
    CHECK(says(refused_key(files, files.file("large.key", arc_key_text + string(4097, ' '))), "4096"));
    for (string const& content : {string(), string("\n"), string("a b"), arc_key_text + "\nX-Injected: 1",
                                  string("caf\xC3\xA9"), string("a\0b", 3)})
        CHECK(says(refused_key(files, files.file("bad.key", content)), "is empty, or has characters"));
}

TEST_CASE("a key is shown to nobody else, whatever they name")
{
    arc_files const files;
    string const named = challenge(files.file("3f.key", arc_key_text));
    for (identity_host const host : {identity_host::app_service, identity_host::imds}) {
        identity_site peer(host, script().serve(named).forever(), {}, identity_transport(), files.folder());
        CHECK(peer.failure().code() == hk::errc::token_refused);
        CHECK(peer.server.requests().size() == 1);
    }
}

TEST_CASE("a challenge that names no file is a refusal")
{
    for (string const field :
         {"", "WWW-Authenticate: Basic\r\n", "WWW-Authenticate: Bearer realm=/nowhere/a.key\r\n",
          "WWW-Authenticate: Basic realm=\r\n"}) {
        CAPTURE(field);
        identity_site peer(identity_host::arc, script().serve(http(401, "{}", field)).forever());
        CHECK(peer.failure().code() == hk::errc::token_refused);
        CHECK(peer.server.requests().size() == 1);
    }
}

TEST_CASE("a key that Azure Arc's agent does not accept is a refusal, and not in the error")
{
    arc_files const files;
    string const path = files.file("3f.key", arc_key_text);
    string const echo = R"({"error":"x )" + arc_key_text + R"(","error_description":"the key )" +
                        arc_key_text + R"( is wrong","trace_id":"t )" + arc_key_text +
                        R"(","correlation_id":")" + arc_key_text + "\"}";
    for (int const status : {401, 403}) {
        identity_site peer(identity_host::arc, script().serve(challenge(path)).serve(http(status, echo)), {},
                           identity_transport(), files.folder());
        hk::error const failed = peer.failure();
        CHECK(failed.code() == hk::errc::token_refused);
        CHECK(failed.info().http_status == status);
        CHECK(says(failed.info().server_message, "the key REDACTED is wrong"));
        CHECK(failed.info().trace_id == "t REDACTED");
        CHECK(peer.server.requests().size() == 2);
    }
}
