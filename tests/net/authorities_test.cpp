// Authorities that a program names: what may stand in their file, and which files are none.
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

using namespace test;

namespace {

namespace fs = std::filesystem;

std::string const answer = http(200, R"({"topics":["orders"]})");

/// A folder that lasts as long as this.
class folder
{
public:
    folder()
    {
        char name[] = "/tmp/hdikafka-test-XXXXXX";
        REQUIRE(mkdtemp(name) != nullptr);
        path_ = name;
    }
    folder(folder const&) = delete;
    folder& operator=(folder const&) = delete;
    ~folder() { fs::remove_all(path_); }

    std::string path(std::string const& name) const { return (path_ / name).string(); }
    std::string file(std::string const& name, std::string const& text) const
    {
        std::ofstream(path(name)) << text;
        return path(name);
    }

private:
    fs::path path_;
};

ending<std::vector<std::string>> ask(certificate shown, hk::tls_options trust)
{
    scripted_server const server(script().serve(answer), shown);
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).tls(std::move(trust)));
    return run(io, client.topics());
}

} // namespace

TEST_CASE("an intermediate authority alone is an anchor")
{
    authorities& all = authorities::get();
    folder const place;
    std::string const file = place.file("intermediate.pem", all.intermediate_pem());
    CHECK(ask(certificate::deep, hk::tls_options().ca_file(file)).good());
    CHECK(ask(certificate::deep, hk::tls_options().ca_pem(all.intermediate_pem())).good());
    CHECK(ask(certificate::deep, hk::tls_options().ca_pem(all.trusted_pem())).good());
    // It is the anchor of those that it has issued, and of no others.
    CHECK(ask(certificate::good, hk::tls_options().ca_file(file)).code() == hk::errc::certificate_refused);
    CHECK(ask(certificate::deep, hk::tls_options().ca_pem(all.untrusted_pem())).code() ==
          hk::errc::certificate_refused);
}

TEST_CASE("an intermediate in the file that SSL_CERT_FILE names is an anchor, too")
{
    folder const place;
    std::string const file = place.file("intermediate.pem", authorities::get().intermediate_pem());
    REQUIRE(setenv("SSL_CERT_FILE", file.c_str(), 1) == 0);
    CHECK(ask(certificate::deep, hk::tls_options()).good());
    CHECK(ask(certificate::good, hk::tls_options()).code() == hk::errc::certificate_refused);
    REQUIRE(unsetenv("SSL_CERT_FILE") == 0);
}

TEST_CASE("what stands around the certificates does not matter")
{
    authorities& all = authorities::get();
    std::string const good = all.trusted_pem();
    std::string windows = good;
    for (auto at = windows.find('\n'); at != std::string::npos; at = windows.find('\n', at + 2))
        windows.insert(at, 1, '\r');
    folder const place;
    for (std::string const& text : {"\xef\xbb\xbf" + good, windows, "# ours\n\n" + good + "\nthe end",
                                    all.make(certificate::good).key_pem + good, all.untrusted_pem() + good}) {
        CAPTURE(text);
        CHECK(ask(certificate::good, hk::tls_options().ca_pem(text)).good());
        CHECK(ask(certificate::good, hk::tls_options().ca_file(place.file("ca.pem", text))).good());
    }
}

TEST_CASE("a file that cannot be used is named, with the reason, and nobody waits for the end of a pipe")
{
    folder const place;
    std::string const good = authorities::get().trusted_pem();
    REQUIRE(mkfifo(place.path("pipe").c_str(), 0600) == 0);
    fs::create_symlink("round", place.path("round"));
    fs::create_directory(place.path("folder"));
    place.file("large", "");
    fs::resize_file(place.path("large"), std::uintmax_t(17) * 1024 * 1024);
    auto const number = [](int code) {
        return std::string(std::strerror(code)) + " (errno " + std::to_string(code) + ")";
    };
    struct
    {
        std::string path;
        std::string words;
    } const rows[] = {
        {place.path("missing"), number(ENOENT)},
        {place.path("round"), number(ELOOP)},
        {place.file("file", "x") + "/below", number(ENOTDIR)},
        {"/proc/self/mem", number(EIO)}, // can be opened and not read
        {place.path("folder"), "it is a directory"},
        {place.path("pipe"), "it is not a regular file"},
        {"/dev/zero", "it is not a regular file"},
        {place.path("large"), "it has more than 16777216 bytes"},
        {place.file("empty", ""), "it holds no certificate"},
        {place.file("key", authorities::get().make(certificate::good).key_pem), "it holds no certificate"},
        {place.file("der", std::string("\x30\x82\x01\x0a\0\x02", 6)), "it holds no certificate"},
        {place.file("cut", good + "-----BEGIN CERTIFICATE-----\nMIIB\n"), "bad end line"},
    };
    for (auto const& [path, words] : rows) {
        CAPTURE(path);
        hk::error const failure = ask(certificate::good, hk::tls_options().ca_file(path)).error();
        std::string const what = failure.what();
        CAPTURE(what);
        CHECK(failure.code() == hk::errc::invalid_option);
        CHECK(what.find("the CA file " + path + " cannot be used: " + words) != std::string::npos);
        check_what(failure, "topics");
    }
    hk::error const text = ask(certificate::good, hk::tls_options().ca_pem("no PEM at all")).error();
    CHECK(text.cause() == "the CA text cannot be used: it holds no certificate in PEM");
}

TEST_CASE("a file that is mended serves the next call of the same client")
{
    folder const place;
    scripted_server const server(script().serve(answer));
    net::io_context io;
    hk::client const client(
        io.get_executor(),
        options_for(server.endpoint()).tls(hk::tls_options().ca_file(place.path("ca.pem"))));
    CHECK(run(io, client.topics()).code() == hk::errc::invalid_option);
    place.file("ca.pem", authorities::get().trusted_pem());
    CHECK(run(io, client.topics()).good());
}
