// Authorities from the environment, and refusals of a server that are never tried again.
#include "support/net/running.hpp"

#include <doctest/doctest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

using namespace test;

namespace {

std::string const answer = http(200, R"({"topics":["orders"]})");

/// A folder with one authority in it, under the name by which OpenSSL looks for it.
class authority_folder
{
public:
    explicit authority_folder(std::string const& pem)
    {
        char name[] = "/tmp/hdikafka-test-XXXXXX";
        REQUIRE(mkdtemp(name) != nullptr);
        path = name;
        std::unique_ptr<BIO, int (*)(BIO*)> const text(BIO_new_mem_buf(pem.data(), -1), &BIO_free);
        std::unique_ptr<X509, void (*)(X509*)> const certificate(
            PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr), &X509_free);
        REQUIRE(certificate != nullptr);
        std::array<char, 16> hash{};
        std::snprintf(hash.data(), hash.size(), "%08lx.0", X509_subject_name_hash(certificate.get()));
        file_ = path + "/" + hash.data();
        std::ofstream(file_) << pem;
    }
    authority_folder(authority_folder const&) = delete;
    authority_folder& operator=(authority_folder const&) = delete;
    ~authority_folder()
    {
        std::remove(file_.c_str());
        rmdir(path.c_str());
    }

    std::string path;

private:
    std::string file_;
};

/// A variable of the environment, as it was before at the end.
class variable
{
public:
    variable(char const* name, std::string const& value) : name_(name)
    {
        if (char const* const before = std::getenv(name))
            before_ = before;
        REQUIRE(setenv(name, value.c_str(), 1) == 0);
    }
    variable(variable const&) = delete;
    variable& operator=(variable const&) = delete;
    ~variable()
    {
        if (before_)
            setenv(name_, before_->c_str(), 1);
        else
            unsetenv(name_);
    }

private:
    char const* name_;
    std::optional<std::string> before_;
};

/// What comes of a call by one who trusts the system's store.
std::error_code ask(certificate shown)
{
    scripted_server const server(script().serve(answer), shown);
    net::io_context io;
    hk::client const client(io.get_executor(),
                            options_for(server.endpoint("localhost")).tls(hk::tls_options()));
    return run(io, client.topics()).code();
}

} // namespace

TEST_CASE("SSL_CERT_DIR names a folder of authorities when the program names none")
{
    variable const no_file("SSL_CERT_FILE", "/nonexistent/authorities.pem");
    {
        variable const nowhere("SSL_CERT_DIR", "/nonexistent");
        CHECK(ask(certificate::good) == hk::errc::certificate_refused);
    }
    authority_folder const folder(authorities::get().trusted_pem());
    variable const here("SSL_CERT_DIR", folder.path);
    CHECK_FALSE(ask(certificate::good));
    CHECK(ask(certificate::untrusted) == hk::errc::certificate_refused);
    CHECK(ask(certificate::expired) == hk::errc::certificate_refused);
}

TEST_CASE("a server whose certificate, name or key is refused is not asked again, whatever the policy")
{
    struct
    {
        std::string name;
        certificate shown;
        bool pinned; // to another key
        hk::errc code;
    } const cases[] = {
        {"untrusted", certificate::untrusted, false, hk::errc::certificate_refused},
        {"expired", certificate::expired, false, hk::errc::certificate_refused},
        {"other host", certificate::other_host, false, hk::errc::host_mismatch},
        {"common name alone", certificate::common_name, false, hk::errc::host_mismatch},
        {"other key", certificate::good, true, hk::errc::certificate_refused},
    };
    for (auto const& [name, shown, pinned, code] : cases) {
        CAPTURE(name);
        scripted_server const server(script().serve(answer), shown);
        auto trust = hk::tls_options().ca_pem(authorities::get().trusted_pem());
        if (pinned)
            trust.pin_sha256("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        net::io_context io;
        hk::client const client(
            io.get_executor(),
            options_for(server.endpoint()).tls(trust).retry(quickly(3).at_least_once(true)));
        hk::error const read = run(io, client.topics()).error();
        CHECK(read.code() == code);
        CHECK_FALSE(read.info().retriable());
        CHECK(server.connections() == 1);
        hk::error const produced = run(io, client.produce("orders", hk::records("v"))).error();
        CHECK(produced.code() == code);
        CHECK(produced.info().persisted() == hk::persistence::none);
        CHECK(server.connections() == 2);
        CHECK(server.requests().empty());
    }
}
