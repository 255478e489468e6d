// Ways for a service principal to prove who it is: certificate, assertion, federated token, environment.
#include "support/emulator/emulated.hpp"
#include "support/identity/client_certificates.hpp"

#include <asio/error.hpp>
#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace test;
using std::string;

namespace {

client_certificates const& own() { return client_certificates::get(); }

/// What the emulator knows of the application.
hk::emulator_options registration()
{
    return hk::emulator_options()
        .client_certificates(pem_of(own().leaf.get()))
        .federated_assertion("ey.federated.token");
}

/// A call with this credential: none, or the error that it met.
hk::result<std::vector<string>> ask(emulated& service, hk::credential who)
{
    hk::client const client(service.io.get_executor(), service.emulator.client_options()
                                                           .credential(std::move(who))
                                                           .retry(hk::retry_policy().max_retries(0)));
    return service.run(client.topics());
}

hk::client_certificate_credential with_certificate(emulated const& service, string path,
                                                   string passphrase = "")
{
    return hk::client_certificate_credential("emulator-tenant", "emulator-client", std::move(path),
                                             std::move(passphrase))
        .authority_host(service.emulator.authority_host());
}

/// An environment variable that lasts as long as this.
class variable
{
public:
    variable(char const* name, string const& value) : name_(name) { setenv(name, value.c_str(), 1); }
    variable(variable const&) = delete;
    variable& operator=(variable const&) = delete;
    ~variable() { unsetenv(name_); }

private:
    char const* name_;
};

void check_refused(hk::result<std::vector<string>> const& outcome, hk::errc code, string const& words)
{
    REQUIRE_FALSE(outcome);
    string const what = outcome.error().what();
    CAPTURE(what);
    CHECK(outcome.error().code() == code);
    CHECK(what.find(words) != string::npos);
    CHECK(what.find("eyJ") == string::npos); // what an assertion begins with
}

} // namespace

TEST_CASE("a certificate signs in, by PS256 or RS256, with its chain or without, encrypted or not")
{
    emulated service(registration());
    scratch_folder const folder;
    string const plain = folder.file("plain.pem", own().pem());
    string const encrypted = folder.file("encrypted.pem", pem_of(own().leaf.get()) +
                                                              encrypted_pem(own().key.get(), "open sesame"));
    CHECK(ask(service, with_certificate(service, plain)));
    CHECK(ask(service, with_certificate(service, plain).rs256(true)));
    CHECK(ask(service, with_certificate(service, plain).send_certificate_chain(true)));
    CHECK(ask(service, with_certificate(service, encrypted, "open sesame")));
    CHECK(service.emulator.token_requests() == 4);
}

TEST_CASE("a certificate that cannot be used is told by the call, before anything is sent")
{
    emulated service(registration());
    scratch_folder const folder;
    string const encrypted = folder.file("encrypted.pem", pem_of(own().leaf.get()) +
                                                              encrypted_pem(own().key.get(), "open sesame"));
    check_refused(ask(service, with_certificate(service, folder.path("missing.pem"))),
                  hk::errc::invalid_option, "missing.pem");
    check_refused(ask(service, with_certificate(service, encrypted, "wrong")), hk::errc::invalid_option,
                  "the client certificate " + encrypted + " does not open with this passphrase");
    string const mixed = folder.file("mixed.pem", pem_of(own().other_key.get()) + pem_of(own().leaf.get()));
    check_refused(ask(service, with_certificate(service, mixed)), hk::errc::invalid_option,
                  mixed + " has a private key that belongs to none of its certificates");
    for (auto const& [days, words] :
         {std::pair(-30L, " expired on 20"), std::pair(30L, " is not valid before 20")}) {
        auto const made = client_certificates::self_signed(own().key.get(), "another day");
        X509_gmtime_adj(X509_getm_notBefore(made.get()), (days - 1) * 86'400);
        X509_gmtime_adj(X509_getm_notAfter(made.get()), (days + 1) * 86'400);
        check_made(X509_sign(made.get(), own().key.get(), EVP_sha256()) != 0);
        string const file = folder.file("dated.pem", pem_of(made.get()) + pem_of(own().key.get()));
        check_refused(ask(service, with_certificate(service, file)), hk::errc::invalid_option,
                      "the client certificate " + file + words);
    }
    CHECK(service.emulator.calls().empty());
}

TEST_CASE("a certificate that the application has not registered is refused by the authority")
{
    emulated service(registration());
    scratch_folder const folder;
    string const other = folder.file("other.pem", pem_of(own().other_key.get()) + pem_of(own().other.get()));
    check_refused(ask(service, with_certificate(service, other)), hk::errc::token_refused, "AADSTS700027");
}

TEST_CASE("a certificate that is renewed on disk takes effect with the next token request")
{
    emulated service(registration());
    scratch_folder const folder;
    string const file = folder.file("client.pem", pem_of(own().other_key.get()) + pem_of(own().other.get()));
    hk::credential const who = with_certificate(service, file);
    check_refused(ask(service, who), hk::errc::token_refused, "AADSTS700027");
    folder.file("client.pem", own().pem());
    CHECK(ask(service, who));
}

TEST_CASE("the program's own assertion signs in; what its function throws becomes the error")
{
    emulated service(registration());
    int asked = 0;
    auto const from = [&service](std::function<asio::awaitable<string>()> function) {
        return hk::client_assertion_credential("emulator-tenant", "emulator-client", std::move(function))
            .authority_host(service.emulator.authority_host());
    };
    auto const good = [&asked]() -> asio::awaitable<string> {
        ++asked;
        co_return "ey.federated.token";
    };
    CHECK(ask(service, from(good)));
    CHECK(asked == 1);

    auto const unknown = []() -> asio::awaitable<string> { co_return "ey.unknown.token"; };
    check_refused(ask(service, from(unknown)), hk::errc::token_refused, "AADSTS50027");
    auto const empty = []() -> asio::awaitable<string> { co_return string(); };
    check_refused(ask(service, from(empty)), hk::errc::invalid_option, "empty");
    auto const broken = []() -> asio::awaitable<string> {
        throw std::runtime_error("the vault is closed");
        co_return string();
    };
    check_refused(ask(service, from(broken)), hk::errc::token_refused, "the vault is closed");
}

TEST_CASE("a federated token is read from its file for each request, and once more when it was just renewed")
{
    emulated service(registration());
    scratch_folder const folder;
    string const file = folder.file("token", " ey.federated.token\n");
    variable const tenant("AZURE_TENANT_ID", "emulator-tenant");
    variable const client_id("AZURE_CLIENT_ID", "emulator-client");
    variable const token_file("AZURE_FEDERATED_TOKEN_FILE", file);
    variable const authority("AZURE_AUTHORITY_HOST", service.emulator.authority_host());
    CHECK(ask(service, hk::workload_identity_credential()));

    folder.file("token", "ey.old.token");
    hk::credential const who = hk::workload_identity_credential();
    check_refused(ask(service, who), hk::errc::token_refused, "AADSTS50027");
    folder.file("token", "ey.federated.token");
    CHECK(ask(service, who));

    folder.file("token", "\n");
    check_refused(ask(service, hk::workload_identity_credential()), hk::errc::invalid_option,
                  "workload identity: the token file " + file + " is empty");
    folder.file("token", "no assertion");
    check_refused(ask(service, hk::workload_identity_credential()), hk::errc::invalid_option,
                  "holds no assertion");
    check_refused(ask(service, hk::workload_identity_credential().token_file(folder.path("missing"))),
                  hk::errc::invalid_option, "missing cannot be opened: No such file");
    CHECK(ask(service,
              hk::workload_identity_credential().token_file(folder.file("mine", "ey.federated.token"))));
}

TEST_CASE("a proxy for AKS's identity bindings is not asked, and a refusal says that it is not supported")
{
    emulated service(registration());
    scratch_folder const folder;
    variable const proxy("AZURE_KUBERNETES_TOKEN_PROXY", "https://10.0.0.1:1/");
    auto const with = [&](string const& token) {
        return hk::workload_identity_credential()
            .tenant("emulator-tenant")
            .client_id("emulator-client")
            .token_file(folder.file("token", token))
            .authority_host(service.emulator.authority_host());
    };
    CHECK(ask(service, with("ey.federated.token")));
    check_refused(ask(service, with("ey.for.the.proxy")), hk::errc::token_refused,
                  "AZURE_KUBERNETES_TOKEN_PROXY is set: identity bindings of AKS are not supported here");
}

TEST_CASE("blanks and line ends around ids and paths are not meant, and never sent")
{
    emulated service(registration());
    scratch_folder const folder;
    string const file = folder.file("client.pem", own().pem());
    CHECK(ask(service, hk::client_certificate_credential(" emulator-tenant\n", "\temulator-client\r\n", file)
                           .authority_host(service.emulator.authority_host() + " \n")));
    variable const tenant("AZURE_TENANT_ID", "emulator-tenant\n");
    variable const client_id("AZURE_CLIENT_ID", " emulator-client ");
    variable const authority("AZURE_AUTHORITY_HOST", service.emulator.authority_host() + "\r\n");
    variable const certificate("AZURE_CLIENT_CERTIFICATE_PATH", file + "\n");
    CHECK(ask(service, hk::environment_credential()));
    variable const token_file("AZURE_FEDERATED_TOKEN_FILE",
                              folder.file("token", "ey.federated.token") + "\n");
    CHECK(ask(service, hk::workload_identity_credential()));
    CHECK(service.emulator.token_requests() == 3);
    for (string const bad : {"a b", "a\nb", "a\x01"})
        check_refused(ask(service, hk::client_certificate_credential("emulator-tenant", bad, file)),
                      hk::errc::invalid_option, "the client id has blanks or control characters");
}

TEST_CASE("a secret is sent as it is, or refused with a word on what surrounds it")
{
    emulated service(registration());
    auto const with = [&](string secret) {
        return hk::client_secret_credential("emulator-tenant", "emulator-client", std::move(secret))
            .authority_host(service.emulator.authority_host());
    };
    CHECK(ask(service, with("emulator-secret")));
    for (string const bad :
         {"emulator-secret\n", "emulator-secret\r\n", " emulator-secret", "emulator-secret\t", " ", "\n"})
        check_refused(ask(service, with(bad)), hk::errc::invalid_option,
                      "the client secret begins or ends with white space");
    check_refused(ask(service, with("emulator\nsecret")), hk::errc::invalid_option, "line ends");
    check_refused(ask(service, with("")), hk::errc::invalid_option, "the client secret is empty");
    CHECK(service.emulator.token_requests() == 1);
    variable const tenant("AZURE_TENANT_ID", "emulator-tenant");
    variable const client_id("AZURE_CLIENT_ID", "emulator-client");
    variable const secret("AZURE_CLIENT_SECRET", "emulator-secret\n");
    check_refused(
        ask(service, hk::environment_credential()), hk::errc::invalid_option,
        "environment (AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET): the client secret begins or "
        "ends with white space");
    variable const blank("AZURE_CLIENT_ID", " \n");
    check_refused(ask(service, hk::environment_credential()), hk::errc::no_credential,
                  "environment: not set: AZURE_CLIENT_ID");
    CHECK(service.emulator.token_requests() == 1);
}

TEST_CASE("workload identity that is not set up says what is missing")
{
    emulated service(registration());
    auto const who = hk::workload_identity_credential().tenant("t").client_id("c");
    check_refused(ask(service, who), hk::errc::no_credential, "AZURE_FEDERATED_TOKEN_FILE");
}

TEST_CASE("the environment's secret comes before its certificate")
{
    emulated service(registration());
    scratch_folder const folder;
    check_refused(ask(service, hk::environment_credential()), hk::errc::no_credential, "AZURE_TENANT_ID");
    variable const tenant("AZURE_TENANT_ID", "emulator-tenant");
    variable const client_id("AZURE_CLIENT_ID", "emulator-client");
    variable const authority("AZURE_AUTHORITY_HOST", service.emulator.authority_host());
    check_refused(ask(service, hk::environment_credential()), hk::errc::no_credential, "AZURE_CLIENT_SECRET");
    variable const certificate(
        "AZURE_CLIENT_CERTIFICATE_PATH",
        folder.file("client.pem", pem_of(own().leaf.get()) + encrypted_pem(own().key.get(), "open sesame")));
    check_refused(ask(service, hk::environment_credential()), hk::errc::invalid_option, "passphrase");
    variable const passphrase("AZURE_CLIENT_CERTIFICATE_PASSWORD", "open sesame");
    CHECK(ask(service, hk::environment_credential()));
    variable const secret("AZURE_CLIENT_SECRET", "wrong secret");
    check_refused(ask(service, hk::environment_credential()), hk::errc::token_refused, "AADSTS7000215");
}
