// Federated assertions at the emulated authority: whose it takes, and in what words it refuses the others.
#include "support/emulator/service_fixture.hpp"
#include "support/identity/client_certificates.hpp"

#include <hdikafka/detail/emulator/checks.hpp>

#include <doctest/doctest.h>

#include <openssl/core_names.h>
#include <openssl/err.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace test;
namespace hk = hdikafka;

namespace {

using hk::detail::base64_encode;
using hk::detail::base64_form;
using hk::detail::emulation::check_options;
using hk::detail::emulation::read_federated_keys;
using std::string;

constexpr std::string_view issuer = "https://oidc.example/cluster/";
constexpr std::string_view subject = "system:serviceaccount:default:exporter";
// The fixture's clock stands at 1,700,000,000.
constexpr std::string_view claims =
    R"({"aud":["api://AzureADTokenExchange"],"iss":"https://oidc.example/cluster/",)"
    R"("sub":"system:serviceaccount:default:exporter","nbf":1699999990,)"
    R"("iat":1699999990,"exp":1700003600,"kubernetes.io":{"namespace":"default"}})";
constexpr std::string_view header = R"({"alg":"RS256","kid":"first"})";

client_certificates const& own() { return client_certificates::get(); }

string url(std::string_view bytes) { return base64_encode(bytes, base64_form::url); }

string signed_jwt(std::string_view head, std::string_view with, EVP_PKEY* key)
{
    string out = url(head) + '.' + url(with);
    hk::detail::digest_context_ptr const context(EVP_MD_CTX_new());
    std::array<unsigned char, 512> signature{};
    std::size_t size = signature.size();
    REQUIRE(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1);
    REQUIRE(EVP_DigestSign(context.get(), signature.data(), &size,
                           reinterpret_cast<unsigned char const*>(out.data()), out.size()) == 1);
    return out + '.' + url(std::string_view(reinterpret_cast<char const*>(signature.data()), size));
}

string number_of(EVP_PKEY* key, char const* name)
{
    BIGNUM* number = nullptr;
    REQUIRE(EVP_PKEY_get_bn_param(key, name, &number) == 1);
    string out(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
    BN_bn2bin(number, reinterpret_cast<unsigned char*>(out.data()));
    BN_free(number);
    return url(out);
}

string web_key(std::string_view id, EVP_PKEY* key)
{
    return R"({"use":"sig","kty":"RSA","kid":")" + string(id) + R"(","alg":"RS256","n":")" +
           number_of(key, OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" + number_of(key, OSSL_PKEY_PARAM_RSA_E) +
           "\"}";
}

/// Both keys, and one of a kind that is nobody's here.
string key_set()
{
    return R"({"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},)" + web_key("first", own().key.get()) +
           "," + web_key("second", own().other_key.get()) + "]}";
}

string public_pem(EVP_PKEY* key)
{
    return written([key](BIO* out) { return PEM_write_bio_PUBKEY(out, key); });
}

/// An authority that trusts the cluster's keys.
class authority : public service_fixture
{
public:
    explicit authority(string const& keys = key_set())
        : service_fixture(hk::emulator_options()
                              .client_certificates(pem_of(own().leaf.get()))
                              .federated_credential(
                                  hk::emulator_federated_credential(string(issuer), string(subject), keys)))
    {}

    /// "200", or the status and the number behind AADSTS.
    string ask(string const& assertion)
    {
        auto const answer =
            token_request("client_id=emulator-client&grant_type=client_credentials"
                          "&scope=https://hib.azurehdinsight.net/.default&client_assertion_type="
                          "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                          "&client_assertion=" +
                          assertion);
        CHECK(ERR_peek_error() == 0);
        if (answer.status == 200)
            return "200";
        std::size_t const at = answer.body.find("AADSTS");
        return std::to_string(answer.status) + ' ' +
               answer.body.substr(at + 6, answer.body.find(':', at) - at - 6);
    }

    string ask_with(std::string_view from, std::string_view to)
    {
        string changed(claims);
        std::size_t const at = changed.find(from);
        REQUIRE(at != string::npos);
        return ask(signed_jwt(header, changed.replace(at, from.size(), to), own().key.get()));
    }
};

} // namespace

TEST_CASE("an assertion of the issuer about the subject is as good as a secret, however the keys are written")
{
    string const good = signed_jwt(header, claims, own().key.get());
    string const unnamed = signed_jwt(R"({"alg":"RS256"})", claims, own().key.get());
    for (string const& keys : {key_set(), public_pem(own().key.get()), pem_of(own().leaf.get()),
                               public_pem(own().other_key.get()) + pem_of(own().leaf.get())}) {
        authority f(keys);
        CHECK(f.ask(good) == "200");
        CHECK(f.ask(unnamed) == "200");
    }
    CHECK(authority().ask(signed_jwt(R"({"alg":"RS256","kid":"second"})", claims, own().other_key.get())) ==
          "200");
}

TEST_CASE("the audience stands alone or among others, and is the one that was registered")
{
    authority f;
    CHECK(f.ask_with(R"(["api://AzureADTokenExchange"])", R"("api://AzureADTokenExchange")") == "200");
    CHECK(f.ask_with(R"(["api)", R"(["x","api)") == "200");
    CHECK(f.ask_with("api://", "API://") == "401 700212");
    service_fixture const other(hk::emulator_options().federated_credential(
        hk::emulator_federated_credential("i", "s", key_set()).audience("a")));
    CHECK(other.service.options().federated_credentials().front().audience() == "a");
}

TEST_CASE("what is not of the issuer, about the subject, in time and signed is refused in Entra's words")
{
    authority f;
    CHECK(f.ask_with("cluster/", "cluster") == "401 700211");
    CHECK(f.ask_with("default:exporter", "other:exporter") == "401 700213");
    CHECK(f.ask_with("\"nbf\":1699999990", "\"nbf\":1700000301") == "401 700024");
    CHECK(f.ask_with("\"exp\":1700003600", "\"exp\":1699999700") == "401 700024");
    CHECK(f.ask(signed_jwt(header, claims, own().other_key.get())) == "401 50013");
    CHECK(f.ask(signed_jwt(R"({"alg":"RS256","kid":"third"})", claims, own().key.get())) == "401 50013");
    CHECK(f.ask(signed_jwt(R"({"alg":"PS256","kid":"first"})", claims, own().key.get())) == "401 50027");
    CHECK(f.ask(signed_jwt(R"({"alg":"RS256","crit":["x"]})", claims, own().key.get())) == "401 50027");
    // A thumbprint of a certificate that is registered makes no issuer.
    string const thumbprint = url(hk::detail::digest_of(der_of(own().leaf.get()), EVP_sha1()));
    string const head = R"({"alg":"RS256","x5t":")" + thumbprint + "\"}";
    key_ptr const nobodys_key = client_certificates::rsa_key(2048);
    CHECK(f.ask(signed_jwt(head, claims, nobodys_key.get())) == "401 50013");
}

TEST_CASE("an application with federated credentials still signs for itself")
{
    authority f;
    string const thumbprint = url(hk::detail::digest_of(der_of(own().leaf.get()), EVP_sha1()));
    string const own_claims = R"({"aud":"https://localhost:9400/emulator-tenant/oauth2/v2.0/token",)"
                              R"("iss":"emulator-client","sub":"emulator-client","exp":1700000600})";
    string const head = R"({"alg":"RS256","x5t":")" + thumbprint + "\"}";
    CHECK(f.ask(signed_jwt(head, own_claims, own().key.get())) == "200");
    CHECK(f.ask(signed_jwt(head, own_claims, own().other_key.get())) == "401 700027");
}

TEST_CASE("keys that cannot be used are refused before the emulator starts")
{
    auto const refusal = [](string issuer_text, string const& keys) {
        auto const checked = check_options(hk::emulator_options().federated_credential(
            hk::emulator_federated_credential(std::move(issuer_text), string(subject), keys)));
        CHECK(ERR_peek_error() == 0);
        return checked ? string() : checked.error().cause();
    };
    CHECK(refusal(string(issuer), key_set()).empty());
    CHECK(refusal("", key_set()) == "a federated credential has an issuer, a subject and an audience");
    for (string const& bad : {string("{}"), string(R"({"keys":[]})"), string(R"({"keys":[{"kty":"EC"}]})"),
                              string(), string("x"), pem_of(own().key.get())})
        CHECK(refusal(string(issuer), bad) ==
              "a federated credential's keys: there is none for RSA in the text");
    for (string const& bad :
         {string("{"), string(R"({"keys":[{"kty":"RSA","n":"AQAB"}]})"),
          string(R"({"keys":[{"kty":"RSA","n":"+","e":"AQAB"}]})"), string(R"({"keys":1})"), key_set() + "x"})
        CHECK(refusal(string(issuer), bad) == "a federated credential's keys: the set is damaged");
    for (string const& bad : {pem_of(own().root.get()), // not for RSA
                              string("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n")})
        CHECK(refusal(string(issuer), bad) == "a federated credential's keys: one is damaged or not for RSA");
    CHECK(read_federated_keys(key_set()).value().size() == 2);
}
