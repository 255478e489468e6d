// The JWT by which a client with a certificate asks for tokens. tests/checks/client_assertion.py looks at the
// same assertions with other tools: it has this program write them into the folder that HDIKAFKA_ASSERTIONS
// names.
#include "support/identity/client_certificates.hpp"

#include <hdikafka/detail/identity/assertion.hpp>

#include <doctest/doctest.h>

#include <openssl/err.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace test;
namespace hk = hdikafka;

namespace {

using hk::detail::assertion_claims;
using hk::detail::assertion_form;
using hk::detail::base64_form;
using hk::detail::client_certificate;
using hk::detail::make_client_assertion;
using std::string;
using enum hk::detail::assertion_algorithm;
using namespace std::chrono_literals;

client_certificates const& own() { return client_certificates::get(); }

string whole_pem() { return own().pem() + pem_of(own().intermediate.get()) + pem_of(own().root.get()); }

client_certificate const& certificate()
{
    static client_certificate const loaded = hk::detail::parse_client_certificate(whole_pem(), "").value();
    return loaded;
}

assertion_claims claims()
{
    return assertion_claims("https://login.example/contoso/oauth2/v2.0/token", "id-1",
                            "5d0a7d39-8f44-4a3c-9b5e-0d5ad2a4e6b1",
                            std::chrono::system_clock::time_point(1'700'000'000'999ms));
}

string const expected_claims = R"({"aud":"https://login.example/contoso/oauth2/v2.0/token","iss":"id-1",)"
                               R"("sub":"id-1","jti":"5d0a7d39-8f44-4a3c-9b5e-0d5ad2a4e6b1",)"
                               R"("nbf":1700000000,"iat":1700000000,"exp":1700000600})";

/// An assertion's three parts, decoded, and what is signed.
class parts
{
public:
    explicit parts(hk::result<string> const& made)
    {
        INFO((made ? string() : made.error().what()));
        REQUIRE(static_cast<bool>(made));
        CHECK(ERR_peek_error() == 0);
        string const& jwt = made.value();
        auto const first = jwt.find('.');
        auto const second = jwt.rfind('.');
        REQUIRE(first < second);
        signed_text = jwt.substr(0, second);
        header = decoded(jwt.substr(0, first));
        body = decoded(jwt.substr(first + 1, second - first - 1));
        signature = decoded(jwt.substr(second + 1));
    }

    string header;
    string body;
    string signature;
    string signed_text;

private:
    static string decoded(string const& part)
    {
        auto const bytes = hk::detail::base64_decode(part, base64_form::url);
        REQUIRE(bytes.has_value());
        return *bytes;
    }
};

bool verified(parts const& of, bool pss)
{
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* settings = nullptr;
    REQUIRE(EVP_DigestVerifyInit(context, &settings, EVP_sha256(), nullptr,
                                 X509_get0_pubkey(own().leaf.get())) == 1);
    if (pss) {
        EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, 32);
        EVP_PKEY_CTX_set_rsa_mgf1_md(settings, EVP_sha256());
    }
    auto const* const bytes = reinterpret_cast<unsigned char const*>(of.signed_text.data());
    bool const good = EVP_DigestVerify(context, reinterpret_cast<unsigned char const*>(of.signature.data()),
                                       of.signature.size(), bytes, of.signed_text.size()) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}

string thumbprint(EVP_MD const* kind)
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    REQUIRE(X509_digest(own().leaf.get(), kind, digest.data(), &size) == 1);
    return hk::detail::base64_encode(string(digest.begin(), digest.begin() + size), base64_form::url);
}

string chain_json()
{
    string out;
    for (X509* const each : {own().leaf.get(), own().intermediate.get(), own().root.get()})
        out += (out.empty() ? "" : ",") +
               ('"' + hk::detail::base64_encode(der_of(each), base64_form::standard)) + '"';
    return ",\"x5c\":[" + out + "]";
}

} // namespace

TEST_CASE("by default an assertion is signed with PS256 and names the certificate by its SHA-256")
{
    parts const made(make_client_assertion(certificate(), claims()));
    CHECK(made.header == R"({"alg":"PS256","typ":"JWT","x5t#S256":")" + thumbprint(EVP_sha256()) + "\"}");
    CHECK(made.body == expected_claims);
    CHECK(made.signature.size() == 256);
    CHECK(verified(made, true));
    CHECK_FALSE(verified(made, false));
}

TEST_CASE("for an older authority it is signed with RS256 and names the certificate by its SHA-1")
{
    parts const made(make_client_assertion(certificate(), claims(), assertion_form(rs256)));
    CHECK(made.header == R"({"alg":"RS256","typ":"JWT","x5t":")" + thumbprint(EVP_sha1()) + "\"}");
    CHECK(made.body == expected_claims);
    CHECK(verified(made, false));
    CHECK_FALSE(verified(made, true));
}

TEST_CASE("with either, the whole chain may stand in the header, the client's own certificate first")
{
    for (auto const algorithm : {ps256, rs256}) {
        parts const alone(make_client_assertion(certificate(), claims(), assertion_form(algorithm)));
        parts const made(make_client_assertion(certificate(), claims(), assertion_form(algorithm, true)));
        string expected = alone.header;
        expected.insert(expected.size() - 1, chain_json());
        CHECK(made.header == expected);
        CHECK(made.body == expected_claims);
        CHECK(verified(made, algorithm == ps256));
    }
}

TEST_CASE("the same claims are signed with new salt each time")
{
    parts const first(make_client_assertion(certificate(), claims()));
    parts const second(make_client_assertion(certificate(), claims()));
    CHECK(first.signed_text == second.signed_text);
    CHECK(first.signature != second.signature);
}

TEST_CASE("times are whole seconds, rounded down, also before 1970")
{
    auto at = claims();
    at.now = std::chrono::system_clock::time_point(-1ms);
    CHECK(parts(make_client_assertion(certificate(), at)).body.ends_with(R"("nbf":-1,"iat":-1,"exp":599})"));
    at.now = std::chrono::system_clock::time_point(0ms);
    CHECK(parts(make_client_assertion(certificate(), at)).body.ends_with(R"("nbf":0,"iat":0,"exp":600})"));
    at.now = std::chrono::system_clock::time_point(4'102'444'800s); // beyond 32 bits
    CHECK(parts(make_client_assertion(certificate(), at))
              .body.ends_with(R"("nbf":4102444800,"iat":4102444800,"exp":4102445400})"));
}

TEST_CASE("a claim's text is written as JSON, or refused when it is not text")
{
    auto odd = claims();
    odd.client_id = "a\"b\\c\n\xc3\xa9";
    CHECK(parts(make_client_assertion(certificate(), odd))
              .body.find(R"("iss":"a\"b\\c\né","sub":"a\"b\\c\né",)") != string::npos);
    for (auto const member :
         {&assertion_claims::audience, &assertion_claims::client_id, &assertion_claims::id}) {
        auto bad = claims();
        bad.*member = "\xff";
        auto const made = make_client_assertion(certificate(), bad);
        REQUIRE_FALSE(static_cast<bool>(made));
        CHECK(made.error().code() == hk::errc::invalid_utf8);
    }
}

TEST_CASE("a key that cannot sign is an error, and leaves none behind in OpenSSL's queue")
{
    client_certificate public_only;
    public_only.chain = certificate().chain;
    auto const* der = reinterpret_cast<unsigned char const*>(public_only.chain[0].data());
    hk::detail::x509_ptr const leaf(d2i_X509(nullptr, &der, static_cast<long>(public_only.chain[0].size())));
    public_only.key = hk::detail::pkey_ptr(X509_get_pubkey(leaf.get()));
    for (auto const algorithm : {ps256, rs256}) {
        ERR_raise(ERR_LIB_USER, ERR_R_DISABLED); // somebody else's
        auto const made = make_client_assertion(public_only, claims(), assertion_form(algorithm));
        REQUIRE_FALSE(static_cast<bool>(made));
        CHECK(made.error().code() == hk::errc::invalid_option);
        CHECK(string(made.error().what()).find("the client certificate's key cannot sign: ") != string::npos);
        CHECK(string(made.error().what()).find("unknown reason") == string::npos);
        CHECK(string(made.error().what()).find("disabled") == string::npos);
        CHECK(ERR_peek_error() == 0);
    }
}

TEST_CASE("one certificate signs on many threads at once")
{
    std::atomic<int> good = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i != 4; ++i)
            threads.emplace_back([&good, i] {
                for (int round = 0; round != 8; ++round) {
                    auto const made =
                        make_client_assertion(certificate(), claims(), assertion_form(i % 2 ? ps256 : rs256));
                    good += made ? 1 : 0;
                }
            });
    }
    CHECK(good == 32);
    CHECK(verified(parts(make_client_assertion(certificate(), claims())), true));
}

TEST_CASE("assertions of every form for another verifier")
{
    scratch_folder const scratch;
    char const* const named = std::getenv("HDIKAFKA_ASSERTIONS");
    string const folder = named ? named : scratch.path("");
    auto const write = [&folder](string const& name, string const& content) {
        std::ofstream out(std::filesystem::path(folder) / name, std::ios::binary);
        out << content;
        out.close();
        REQUIRE(out.good());
    };
    write("leaf.pem", pem_of(own().leaf.get()));
    write("intermediate.pem", pem_of(own().intermediate.get()));
    write("root.pem", pem_of(own().root.get()));
    int written = 0;
    for (bool const chain : {false, true})
        for (auto const algorithm : {ps256, rs256}) {
            auto const made =
                make_client_assertion(certificate(), claims(), assertion_form(algorithm, chain));
            REQUIRE(static_cast<bool>(made));
            write(string(algorithm == ps256 ? "PS256" : "RS256") + (chain ? "-chain" : "") + ".jwt",
                  made.value());
            ++written;
        }
    CHECK(written == 4);
}
