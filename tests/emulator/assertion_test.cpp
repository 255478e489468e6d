// Client assertions as the emulated authority sees them: good ones from three makers, and everything else.
#include "support/identity/client_certificates.hpp"

#include <hdikafka/detail/emulator/assertion.hpp>
#include <hdikafka/detail/identity/assertion.hpp>

#include <doctest/doctest.h>

#include <openssl/err.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

using namespace test;
namespace hk = hdikafka;

namespace {

using hk::emulator_time;
using hk::detail::base64_encode;
using hk::detail::base64_form;
using hk::detail::emulation::assertion_fault;
using hk::detail::emulation::judge_assertion_time;
using hk::detail::emulation::read_registered_certificates;
using hk::detail::emulation::registered_certificate;
using hk::detail::emulation::verified_assertion;
using hk::detail::emulation::verify_client_assertion;
using std::string;
using enum hk::detail::assertion_algorithm;
using namespace std::chrono_literals;

// Made with the openssl command and Python's json and base64.
constexpr std::string_view vector_pem = "-----BEGIN CERTIFICATE-----\n"
                                        "MIIDAzCCAeugAwIBAgIUAQsp3F7WbsbixZ26UvaQ6Xx307EwDQYJKoZIhvcNAQEL\n"
                                        "BQAwETEPMA0GA1UEAwwGdmVjdG9yMB4XDTI2MTEyMzAyNTAxNVoXDTM2MTEyMDAy\n"
                                        "NTAxNVowETEPMA0GA1UEAwwGdmVjdG9yMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n"
                                        "MIIBCgKCAQEAnVbWxt2Ed1y427a1Vt3JnGFHpTmZcl4GAlyE7rh3X5y0r555R9mL\n"
                                        "6KltBDpxYkMC8c9MZqw2VesZxHFY5Yf3nM1sSPoYckHM3mz/Z0rPJaaiPy79M19c\n"
                                        "5ES4XwmVCJLYGPChTg2rjGQUGoqz8H2v51KJWRWRHqUIPAQcKox7RrYjwosJGx4h\n"
                                        "OP0VxW7D2DLcq0uO1qKWb/P74UZHmtqR/jf7/+IBjLhH9SVBRXmdjdFXoY9MjtjF\n"
                                        "vJK2mu7Rl8dSjCmrJzRSEB8oQDWVJ7S6AcvZHiNxab8XsdSFIesMwptdNnPgqF0X\n"
                                        "rGWswfynPOdGQIheno+OMe94qzLD/o4mgQIDAQABo1MwUTAdBgNVHQ4EFgQUO7Mr\n"
                                        "SmR+GVCn35LW7Sa7aQMsrRcwHwYDVR0jBBgwFoAUO7MrSmR+GVCn35LW7Sa7aQMs\n"
                                        "rRcwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOCAQEAfrw5+7zifUlX\n"
                                        "9Xz9tFzmwztz+RRafIsV9aPhRo4QPtni40kbY61+TNts71GJb/rOD64mmz7uCOwa\n"
                                        "XTNlyId9fO4ddlUgNm1OhJit42J2g/mvupE6IVdN5v6afqU6qHryKeVr8fNeAnEH\n"
                                        "4itiz8ebgqdDL2FTxQ5tYN0T0mgeUrpGYMsnGDSNNCBs6G73yYebNlEJv8jaqCBn\n"
                                        "CmAxIACzWVZdazk8TtD1YNfWQ2rEcFVelWwFdCeP8msBvgUCTP52sXLn1/mwN7eP\n"
                                        "Nz0rPFlDP4DKAaMKJSORiNmyI/X/xIiuYXRbWhGiZQkiamc/YWwCN7XNnKf///L5\n"
                                        "39ZI4h/8UA==\n"
                                        "-----END CERTIFICATE-----\n";
constexpr std::string_view vector_ps256 =
    "eyJ0eXAiOiAiSldUIiwgImFsZyI6ICJQUzI1NiIsICJ4NXQjUzI1NiI6ICJHNkF3Mk5WTks5VTJOWGF4ZWoxWGZBNmllSFJHMjA3"
    "WmxFclg1WFBPV1JZIn0.eyJhdWQiOiAiaHR0cHM6Ly9sb2dpbi5leGFtcGxlL3Qvb2F1dGgyL3YyLjAvdG9rZW4iLCAiaXNzIjog"
    "ImlkLTEiLCAic3ViIjogImlkLTEiLCAianRpIjogIjVkMGE3ZDM5LThmNDQtNGEzYy05YjVlLTBkNWFkMmE0ZTZiMSIsICJuYmYi"
    "OiAxNzAwMDAwMDAwLCAiZXhwIjogMTcwMDAwMDYwMH0.KSAnGZplvZHdJ2L4ma5gDyHv2U-Yv0Zg6sPrZoxZ67lspRH2MvS9BWb1"
    "lugd3Hn5RCrf7MVSFaiKO4dACin2oqatM_LdurhNcvloP3jXIGHDSmKxNnkfpq8gGJd8mGTlMIMLRQJsiFET1jrh4nt9vfh2FTOp"
    "GMK4Np5i2Ap3ogM53u110aEsAJ7S2wbjG50LKULKFnzcbsAsS_KwUBsC4KBlnYJX3EWY2dqnDQ-d38cbpUg1ZpInDe02zdYpf4ap"
    "D5rvcW1ZX3pmjqkszwrw4VJTYZdKlSRE1Pb762IbZylk8JTDezWFjl0hVAR-FAOXw3AkymPRoJzSI1j4b20hmQ";
constexpr std::string_view vector_rs256 =
    "eyJ0eXAiOiAiSldUIiwgImFsZyI6ICJSUzI1NiIsICJ4NXQiOiAiVkF5UzZDV3g5OWRsdVRZSkMyMHZhYklOWVhjIn0.eyJhdWQi"
    "OiAiaHR0cHM6Ly9sb2dpbi5leGFtcGxlL3Qvb2F1dGgyL3YyLjAvdG9rZW4iLCAiaXNzIjogImlkLTEiLCAic3ViIjogImlkLTEi"
    "LCAianRpIjogIjVkMGE3ZDM5LThmNDQtNGEzYy05YjVlLTBkNWFkMmE0ZTZiMSIsICJuYmYiOiAxNzAwMDAwMDAwLCAiZXhwIjog"
    "MTcwMDAwMDYwMH0.Q3VV76ug1Ds_3dzgK1GdR1mJDFBU2TGRjmrlxlzeCMuBzsuADLjitT80CI_zTWAF0BrjWTVIRlRVJHF-TBL3"
    "H6gKdjdbTHWoNZ5tI9rb7gGCGGSjdPH0sUl2dcRA8_uGR6P0BqnaHDclL5SyXZAyy7W7egNu219AXEnKQc5PLZOuYeYq_uZlrDMj"
    "sPOFISeKrjruCkBoTHyjGvjI27U1imoXB6YwVwiWhDx0aOJab-7mtrXb4oIlG0ZB_fWhENioo1t5tnSgqmHK_YG0eewriF0E2ZEs"
    "5HBwIMIQDIvxcvwLQ0omTq1UY5PdnMjlAJ6i1K9V7Alo9SPlyJS5iiCuOw";

client_certificates const& own() { return client_certificates::get(); }

std::vector<registered_certificate> const& registered()
{
    static auto const read =
        read_registered_certificates(pem_of(own().other.get()) + pem_of(own().leaf.get())).value();
    return read;
}

class outcome
{
public:
    explicit outcome(std::string_view jwt, std::vector<registered_certificate> const& known = registered())
        : verdict(verify_client_assertion(jwt, known))
    {
        CHECK(ERR_peek_error() == 0);
    }

    /// The number behind AADSTS, 0 for none.
    int code() const
    {
        auto const* const fault = std::get_if<assertion_fault>(&verdict);
        return fault ? fault->code : 0;
    }
    string description() const { return std::get<assertion_fault>(verdict).description; }

    /// The claims; the test fails when the assertion was refused.
    verified_assertion const& claims() const
    {
        INFO((code() != 0 ? description() : string()));
        REQUIRE(code() == 0);
        return std::get<verified_assertion>(verdict);
    }

private:
    std::variant<verified_assertion, assertion_fault> verdict;
};

string part(std::string_view json) { return base64_encode(json, base64_form::url); }

string thumbprint(X509* of, EVP_MD const* kind)
{
    string digest(static_cast<std::size_t>(EVP_MD_get_size(kind)), '\0');
    REQUIRE(X509_digest(of, kind, reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1);
    return base64_encode(digest, base64_form::url);
}

string member(std::string_view name, std::string_view value)
{
    return ",\"" + string(name) + "\":\"" + string(value) + '"';
}

string x5t(X509* of) { return member("x5t", thumbprint(of, EVP_sha1())); }
string x5t_s256(X509* of) { return member("x5t#S256", thumbprint(of, EVP_sha256())); }

string const good_claims = R"({"aud":"https://a/token","iss":"i","sub":"s","jti":"j","nbf":5,"exp":10})";

/// How the tests sign: of a padding and a length of salt that are theirs to choose.
class signing
{
public:
    EVP_PKEY* key = own().key.get();
    int padding = RSA_PKCS1_PADDING;
    int salt = 32;
    EVP_MD const* digest = EVP_sha256();
};

string jwt_of(string const& header, string const& claims, signing const& how)
{
    string out = part(header) + '.' + part(claims);
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* settings = nullptr;
    REQUIRE(EVP_DigestSignInit(context, &settings, how.digest, nullptr, how.key) == 1);
    REQUIRE(EVP_PKEY_CTX_set_rsa_padding(settings, how.padding) == 1);
    if (how.padding == RSA_PKCS1_PSS_PADDING)
        REQUIRE(EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, how.salt) == 1);
    string signature(512, '\0');
    std::size_t size = signature.size();
    REQUIRE(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                           reinterpret_cast<unsigned char const*>(out.data()), out.size()) == 1);
    EVP_MD_CTX_free(context);
    return out + '.' + part(signature.substr(0, size));
}

string const rs256_head = R"({"alg":"RS256","typ":"JWT")";
string const ps256_head = R"({"alg":"PS256","typ":"JWT")";

/// Signed with RS256 and named by its SHA-1, in order but for what is given.
string with_claims(string const& claims)
{
    return jwt_of(rs256_head + x5t(own().leaf.get()) + "}", claims, {});
}
string with_members(string const& members) { return jwt_of(rs256_head + members + "}", good_claims, {}); }

string der64(X509* of) { return '"' + base64_encode(der_of(of), base64_form::standard) + '"'; }

} // namespace

TEST_CASE("what the library's client makes is verified, in every form")
{
    auto const certificate =
        hk::detail::parse_client_certificate(
            own().pem() + pem_of(own().intermediate.get()) + pem_of(own().root.get()), "")
            .value();
    hk::detail::assertion_claims const claims("https://a/token", "id-\"1\"", "the-id",
                                              std::chrono::system_clock::time_point(1'700'000'000s));
    for (auto const algorithm : {ps256, rs256})
        for (bool const chain : {false, true}) {
            auto const made = hk::detail::make_client_assertion(certificate, claims,
                                                                hk::detail::assertion_form(algorithm, chain));
            outcome const got(made.value());
            CHECK(got.claims().audience_text() == "https://a/token");
            CHECK(got.claims().issuer == "id-\"1\"");
            CHECK(got.claims().subject == "id-\"1\"");
            CHECK(got.claims().id == "the-id");
            CHECK(got.claims().not_before == 1'700'000'000);
            CHECK(got.claims().expires == 1'700'000'600);
        }
}

TEST_CASE("what the openssl command signed is verified")
{
    auto const known = read_registered_certificates(vector_pem).value();
    for (std::string_view const jwt : {vector_ps256, vector_rs256}) {
        outcome const got(jwt, known);
        CHECK(got.claims().audience_text() == "https://login.example/t/oauth2/v2.0/token");
        CHECK(got.claims().issuer == "id-1");
        CHECK(got.claims().subject == "id-1");
        CHECK(got.claims().id == "5d0a7d39-8f44-4a3c-9b5e-0d5ad2a4e6b1");
        CHECK(got.claims().not_before == 1'700'000'000);
        CHECK(got.claims().expires == 1'700'000'600);
        CHECK(outcome(jwt).code() == 700027); // where that certificate is not registered
    }
}

TEST_CASE("no character of an assertion can be another one")
{
    auto const known = read_registered_certificates(vector_pem).value();
    for (std::string_view const jwt : {vector_ps256, vector_rs256})
        for (std::size_t at = 0; at != jwt.size(); ++at) {
            string changed(jwt);
            changed[at] = changed[at] == 'A' ? 'B' : 'A';
            if (outcome(changed, known).code() == 0)
                FAIL_CHECK("changed at " << at);
            if (outcome(jwt.substr(0, at), known).code() == 0)
                FAIL_CHECK("cut off at " << at);
        }
}

TEST_CASE("a certificate is found by either thumbprint, or by both when they are of one")
{
    X509* const leaf = own().leaf.get();
    X509* const other = own().other.get();
    for (string const& members : {x5t(leaf), x5t_s256(leaf), x5t(leaf) + x5t_s256(leaf)})
        CHECK(outcome(with_members(members)).code() == 0);
    CHECK(outcome(jwt_of(rs256_head + x5t(other) + "}", good_claims, {own().other_key.get()})).code() == 0);

    for (string const& members : {x5t(other), x5t_s256(other)}) { // which did not sign
        outcome const got(with_members(members));
        CHECK(got.code() == 700027);
        CHECK(got.description() == "Client assertion failed signature validation.");
    }
    X509* const root = own().root.get();
    for (string const& members :
         {x5t(root), x5t_s256(root), x5t(leaf) + x5t_s256(other), x5t(other) + x5t_s256(leaf)}) {
        outcome const got(with_members(members));
        CHECK(got.code() == 700027);
        CHECK(got.description().find("is not registered on application") != string::npos);
    }
    CHECK(outcome(with_members(x5t(leaf)), {}).code() == 700027);
}

TEST_CASE("the algorithm is the header's, and nothing near it")
{
    X509* const leaf = own().leaf.get();
    EVP_PKEY* const key = own().key.get();
    string const rs256 = rs256_head + x5t(leaf) + "}";
    string const ps256 = ps256_head + x5t(leaf) + "}";
    CHECK(outcome(jwt_of(rs256, good_claims, {key})).code() == 0);
    CHECK(outcome(jwt_of(ps256, good_claims, {key, RSA_PKCS1_PSS_PADDING})).code() == 0);

    CHECK(outcome(jwt_of(ps256, good_claims, {key})).code() == 700027);
    CHECK(outcome(jwt_of(rs256, good_claims, {key, RSA_PKCS1_PSS_PADDING})).code() == 700027);
    for (int const salt : {0, 20, 31, 33})
        CHECK(outcome(jwt_of(ps256, good_claims, {key, RSA_PKCS1_PSS_PADDING, salt})).code() == 700027);
    CHECK(outcome(jwt_of(rs256, good_claims, {key, RSA_PKCS1_PADDING, 0, EVP_sha384()})).code() == 700027);
    CHECK(outcome(jwt_of(rs256, good_claims, {own().other_key.get()})).code() == 700027);
    CHECK(outcome(part(rs256) + '.' + part(good_claims) + '.').code() == 700027);
    for (char const* const algorithm : {"none", "HS256", "RS384", "rs256", ""}) {
        string const header = R"({"alg":")" + string(algorithm) + '"' + x5t(leaf) + "}";
        CHECK(outcome(jwt_of(header, good_claims, {key})).code() == 50027);
        CHECK(outcome(part(header) + '.' + part(good_claims) + '.').code() == 50027);
    }
}

TEST_CASE("x5c has to begin with the registered certificate, and to hold certificates alone")
{
    X509* const leaf = own().leaf.get();
    auto const code = [&](string const& list) {
        return outcome(with_members(x5t(leaf) + ",\"x5c\":" + list)).code();
    };
    CHECK(code("[" + der64(leaf) + "]") == 0);
    CHECK(code("[" + der64(leaf) + "," + der64(own().intermediate.get()) + "]") == 0);
    CHECK(code("[" + der64(own().intermediate.get()) + "," + der64(leaf) + "]") == 700027);
    CHECK(code("[" + der64(own().other.get()) + "]") == 700027);
    string const url = '"' + base64_encode(der_of(leaf), base64_form::url) + '"';
    string const longer = '"' + base64_encode(der_of(leaf) + "x", base64_form::standard) + '"';
    for (string const& list : {string("[]"), string("\"\""), string("[\"\"]"), string("[\"MAA=\"]"), url,
                               "[" + url + "]", "[" + longer + "]", "[" + der64(leaf) + ",1]", der64(leaf)})
        CHECK(code(list) == 50027);
}

TEST_CASE("what is no assertion of this kind is malformed")
{
    string const thumb = x5t(own().leaf.get());
    string const good = with_members(thumb);
    REQUIRE(outcome(good).code() == 0);
    auto const dot = good.find('.');
    string const rest = good.substr(dot);
    for (string const& jwt :
         {string(), string("."), string(".."), string("..."), string("a.b"), good + ".", good + "=",
          good + "\n", "." + good, good.substr(0, dot) + "=" + rest, good.substr(dot + 1), part("") + rest,
          part("[]") + rest, part("{}") + rest, part(rs256_head + "}") + rest,
          part(rs256_head + thumb) + rest, part(rs256_head + thumb + "}}") + rest}) {
        INFO(jwt);
        outcome const got(jwt);
        CHECK(got.code() == 50027);
        CHECK(got.description().starts_with("JWT token is invalid or malformed. ("));
    }
    for (string const& members :
         {string(), string(R"(,"x5t":"")"), string(R"(,"x5t":1)"), string(R"(,"x5t#S256":"")"),
          member("x5t", thumbprint(own().leaf.get(), EVP_sha256())),
          member("x5t#S256", thumbprint(own().leaf.get(), EVP_sha1())), thumb + R"(,"crit":["exp"])",
          thumb + R"(,"alg":1)", thumb.substr(0, thumb.size() - 1) + "==\""})
        CHECK(outcome(with_members(members)).code() == 50027);
    for (char const* const claims :
         {"", "[]", "{}", R"({"iss":"i","sub":"s","exp":10})", R"({"aud":"a","sub":"s","exp":10})",
          R"({"aud":"a","iss":"i","exp":10})", R"({"aud":"a","iss":"i","sub":"s"})",
          R"({"aud":"","iss":"i","sub":"s","exp":10})", R"({"aud":[],"iss":"i","sub":"s","exp":10})",
          R"({"aud":["a",1],"iss":"i","sub":"s","exp":10})",
          R"({"aud":["a",""],"iss":"i","sub":"s","exp":10})", R"({"aud":"a","iss":"i","sub":"s","exp":"10"})",
          R"({"aud":"a","iss":"i","sub":"s","exp":null})",
          R"({"aud":"a","iss":"i","sub":"s","exp":10,"nbf":"5"})",
          R"({"aud":"a","iss":"i","sub":"s","exp":99999999999999999999})",
          R"({"aud":"a","iss":"i","sub":"s","exp":10,"jti":1})",
          R"({"aud":"a","iss":"i","sub":"s","exp":10} x)"})
        CHECK(outcome(with_claims(claims)).code() == 50027);
}

TEST_CASE("an assertion may be for several audiences")
{
    outcome const got(with_claims(R"({"aud":["a","b"],"iss":"i","sub":"s","exp":10})"));
    CHECK(got.claims().is_for("a"));
    CHECK_FALSE(got.claims().is_for("a, b"));
}

TEST_CASE("what Python's MSAL writes is taken: padding, line ends in x5c, fractions of a second")
{
    string chain = der64(own().leaf.get());
    string const head = rs256_head + member("x5t", thumbprint(own().leaf.get(), EVP_sha1()) + "=") +
                        ",\"x5c\":[" + chain.insert(65, "\\n") + "]}";
    outcome const got(jwt_of(head, R"({"aud":"a","iss":"i","sub":"s","nbf":5.5,"exp":1700000600.25})", {}));
    CHECK(got.claims().not_before == 5);
    CHECK(got.claims().expires == 1'700'000'600);
    CHECK(outcome(with_claims(R"({"aud":"a","iss":"i","sub":"s","exp":1.7e9})")).code() == 50027);
}

TEST_CASE("an id and a first time may be missing, and there may be more than is known")
{
    outcome const got(
        with_claims(R"( {"more":{"a":[1]},"aud":"\u0061","iss":"i","sub":"s","exp":10,"iat":1.5} )"));
    CHECK(got.claims().audience_text() == "a");
    CHECK(got.claims().id.empty());
    CHECK_FALSE(got.claims().not_before.has_value());
    CHECK(got.claims().expires == 10);
    CHECK(outcome(with_members(x5t(own().leaf.get()) + R"(,"kid":"x","more":{"crit":1})")).code() == 0);
}

TEST_CASE("an assertion is good from five minutes before its first second until five minutes behind its last")
{
    verified_assertion claims;
    claims.not_before = 10'000;
    claims.expires = 10'600;
    auto const code = [&](std::int64_t seconds) {
        auto const fault = judge_assertion_time(claims, emulator_time(std::chrono::seconds(seconds)));
        return fault ? fault->code : 0;
    };
    CHECK(code(9'699) == 700024);
    CHECK(code(9'700) == 0);
    CHECK(code(10'300) == 0);
    CHECK(code(10'899) == 0);
    CHECK(code(10'900) == 700024);
    claims.not_before.reset();
    CHECK(code(0) == 0);
    claims.expires = INT64_MIN;
    CHECK(code(0) == 700024);
    claims.expires = INT64_MAX;
    CHECK(code(0) == 0);
    claims.not_before = INT64_MAX;
    CHECK(code(0) == 700024);
    auto const fault = judge_assertion_time(claims, emulator_time(1'500ms));
    REQUIRE(fault.has_value());
    CHECK(fault->description ==
          "Client assertion is not within its valid time range. (Current time: 1, valid from "
          "9223372036854775807 until 9223372036854775807.)");
}

TEST_CASE("the registered certificates are all of a PEM text, and RSA")
{
    string const leaf = pem_of(own().leaf.get());
    auto const both = read_registered_certificates("x\n" + own().pem() + pem_of(own().other.get())).value();
    REQUIRE(both.size() == 2);
    CHECK(both[0].der == der_of(own().leaf.get()));
    CHECK(base64_encode(both[0].sha1, base64_form::url) == thumbprint(own().leaf.get(), EVP_sha1()));
    CHECK(base64_encode(both[1].sha256, base64_form::url) == thumbprint(own().other.get(), EVP_sha256()));
    CHECK(EVP_PKEY_eq(both[1].key.get(), own().other_key.get()) == 1);

    for (string const& bad :
         {string(), string("x"), pem_of(own().key.get()), leaf.substr(0, leaf.size() - 40),
          leaf + "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", pem_of(own().root.get()),
          leaf + pem_of(own().root.get())}) {
        auto const read = read_registered_certificates(bad);
        REQUIRE_FALSE(static_cast<bool>(read));
        CHECK(read.error().code() == hk::errc::invalid_option);
        CHECK(ERR_peek_error() == 0);
    }
}
