// Client certificates as people have them in files: what can be read, and what is said about the rest.
#include "support/identity/client_certificates.hpp"

#include <hdikafka/detail/identity/certificate.hpp>

#include <doctest/doctest.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/ui.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace test;
namespace hk = hdikafka;

namespace {

using hk::detail::client_certificate;
using hk::detail::load_client_certificate;
using hk::detail::parse_client_certificate;
using std::string;
using strings = std::vector<string>;

constexpr auto passphrase = "s3cr3t pässphrase";
string const junk_der = "0\x82\x01\x0bthis is no structure";

client_certificates const& own() { return client_certificates::get(); }

/// Where OpenSSL's questions at the terminal end, counted.
class no_terminal
{
public:
    no_terminal() : nobody_(UI_create_method("nobody"))
    {
        questions = 0;
        UI_method_set_opener(nobody_, [](UI*) { return ++questions, 0; });
        UI_set_default_method(nobody_);
    }
    no_terminal(no_terminal const&) = delete;
    no_terminal& operator=(no_terminal const&) = delete;
    ~no_terminal()
    {
        UI_set_default_method(UI_OpenSSL());
        UI_destroy_method(nobody_);
    }

    static inline int questions = 0;

private:
    UI_METHOD* nobody_;
};

/// What loading gives, after a check of what must hold in every case.
hk::result<client_certificate> loaded(string const& bytes, string const& with = {})
{
    no_terminal const nobody;
    auto got = parse_client_certificate(bytes, with, "/etc/client.pem");
    CHECK(nobody.questions == 0);
    CHECK(ERR_peek_error() == 0);
    if (!got) {
        string const what = got.error().what();
        CAPTURE(what);
        CHECK(got.error().code() == hk::errc::invalid_option);
        CHECK(what.find("the client certificate /etc/client.pem ") != string::npos);
        CHECK(what.find("s3cr3t") == string::npos);
        CHECK(what.find("BEGIN") == string::npos);
        CHECK(what.find("unknown reason") == string::npos);
    }
    return got;
}

/// The chain that was read; the test fails when it was refused, or when the key is not the client's.
strings chain_of(string const& bytes, string const& with = {})
{
    auto const got = loaded(bytes, with);
    INFO((got ? string() : got.error().what()));
    REQUIRE(static_cast<bool>(got));
    CHECK(EVP_PKEY_eq(got.value().key.get(), own().key.get()) == 1);
    return got.value().chain;
}

/// What is said about the file; nothing when it was taken.
string fault_of(string const& bytes, string const& with = {})
{
    auto const got = loaded(bytes, with);
    if (got)
        return {};
    string const what = got.error().what();
    string const before = "the client certificate /etc/client.pem ";
    return what.substr(what.find(before) + before.size());
}

strings const& leaf_alone()
{
    static strings const chain{der_of(own().leaf.get())};
    return chain;
}

strings const& whole_chain()
{
    static strings const chain{der_of(own().leaf.get()), der_of(own().intermediate.get()),
                               der_of(own().root.get())};
    return chain;
}

string pfx(pfx_form const& form) { return pfx_of(own().key.get(), own().leaf.get(), {}, form); }

string replaced(string text, string const& old, string const& by)
{
    auto const at = text.find(old);
    REQUIRE(at != string::npos);
    return text.replace(at, old.size(), by);
}

/// On this thread OpenSSL has the legacy provider, too, as where openssl.cnf activates it.
class legacy_provider
{
public:
    legacy_provider()
        : context_(OSSL_LIB_CTX_new()),
          usual_(OSSL_PROVIDER_load(context_, "default")),
          legacy_(OSSL_PROVIDER_load(context_, "legacy"))
    {
        REQUIRE(usual_ != nullptr);
        REQUIRE_MESSAGE(
            legacy_ != nullptr,
            "OpenSSL's legacy provider is missing (Debian 13: apt install openssl-provider-legacy)");
        before_ = OSSL_LIB_CTX_set0_default(context_);
    }
    legacy_provider(legacy_provider const&) = delete;
    legacy_provider& operator=(legacy_provider const&) = delete;
    ~legacy_provider()
    {
        OSSL_LIB_CTX_set0_default(before_);
        OSSL_PROVIDER_unload(legacy_);
        OSSL_PROVIDER_unload(usual_);
        OSSL_LIB_CTX_free(context_);
    }

private:
    OSSL_LIB_CTX* context_;
    OSSL_PROVIDER* usual_;
    OSSL_PROVIDER* legacy_;
    OSSL_LIB_CTX* before_ = nullptr;
};

} // namespace

TEST_CASE("a PEM file may hold the key, the certificate and its chain in any order")
{
    std::array<string, 4> blocks{pem_of(own().key.get()), pem_of(own().leaf.get()),
                                 pem_of(own().intermediate.get()), pem_of(own().root.get())};
    std::ranges::sort(blocks);
    int orders = 0;
    do {
        CHECK(chain_of(blocks[0] + blocks[1] + blocks[2] + blocks[3]) == whole_chain());
        ++orders;
    } while (std::ranges::next_permutation(blocks).found);
    CHECK(orders == 24);
}

TEST_CASE("certificates that certify nobody here come last, and none comes twice")
{
    string const all = pem_of(own().other.get()) + pem_of(own().root.get()) + own().pem() +
                       pem_of(own().leaf.get()) + pem_of(own().root.get()) + pem_of(own().intermediate.get());
    strings expected = whole_chain();
    expected.push_back(der_of(own().other.get()));
    CHECK(chain_of(all) == expected);

    auto const self = client_certificates::self_signed(own().key.get(), "self");
    CHECK(chain_of(pem_of(self.get()) + pem_of(self.get()) + pem_of(own().key.get())) ==
          strings{der_of(self.get())});
}

TEST_CASE("a PEM file may come from any system and editor, and hold other things")
{
    CHECK(chain_of("\xef\xbb\xbf" + own().pem()) == leaf_alone());
    string lines;
    for (char const c : own().pem())
        lines += c == '\n' ? "\r\n" : string(1, c);
    CHECK(chain_of(lines) == leaf_alone());
    CHECK(chain_of("Bag Attributes\n    friendlyName: client\n" + own().pem() + "\nthe end") == leaf_alone());
    CHECK(chain_of("-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n" + own().pem()) ==
          leaf_alone());
    CHECK(chain_of(replaced(replaced(own().pem(), "BEGIN CERT", "BEGIN X509 CERT"), "END CERT",
                            "END X509 CERT")) == leaf_alone());
    CHECK(chain_of(traditional_pem(own().key.get()) + pem_of(own().leaf.get())) == leaf_alone());
    string const trusted = written([](BIO* out) { return PEM_write_bio_X509_AUX(out, own().leaf.get()); });
    CHECK(trusted.find("TRUSTED") != string::npos);
    CHECK(chain_of(trusted + pem_of(own().key.get())) == leaf_alone());
    CHECK(chain_of(own().pem(), passphrase) == leaf_alone()); // needed for nothing
}

TEST_CASE("an encrypted key in PEM opens with its passphrase alone")
{
    string const leaf = pem_of(own().leaf.get());
    string const nul("pass\0word", 9);
    for (string const& key : {encrypted_pem(own().key.get(), passphrase),
                              encrypted_pem(own().key.get(), passphrase, EVP_des_ede3_cbc()),
                              traditional_pem(own().key.get(), passphrase),
                              traditional_pem(own().key.get(), passphrase, EVP_des_ede3_cbc())}) {
        CAPTURE(key.substr(0, 80));
        CHECK(chain_of(leaf + key, passphrase) == leaf_alone());
        CHECK(fault_of(key + leaf, "s3cr3t") == "does not open with this passphrase");
        CHECK(fault_of(key + leaf, string(2000, 'x')) == "does not open with this passphrase");
        CHECK(fault_of(key + leaf) == "is encrypted and needs a passphrase");
    }
    CHECK(chain_of(encrypted_pem(own().key.get(), nul) + leaf, nul) == leaf_alone());
    CHECK(fault_of(encrypted_pem(own().key.get(), nul) + leaf, "pass") ==
          "does not open with this passphrase");
}

TEST_CASE("however often a wrong passphrase is tried, it is called wrong")
{
    // Padding looks right by chance after one wrong passphrase in about 250.
    string const leaf = pem_of(own().leaf.get());
    for (string const& key : {traditional_pem(own().key.get(), passphrase),
                              written([](BIO* out) { // one round of hashing: it is quick
                                  return PEM_write_bio_PKCS8PrivateKey_nid(
                                      out, own().key.get(), NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
                                      passphrase, 18, nullptr, nullptr);
                              })}) {
        std::vector<string> other;
        for (int i = 0; i != 2000; ++i) {
            auto const got = parse_client_certificate(key + leaf, std::to_string(i), "");
            if (got || string(got.error().what()).find("does not open with") == string::npos)
                other.emplace_back(got ? "opened" : got.error().what());
        }
        CHECK(other == strings());
    }
}

TEST_CASE("a PFX file is known by what it holds")
{
    std::vector<X509*> const authorities{own().root.get(), own().intermediate.get()};
    CHECK(chain_of(pfx_of(own().key.get(), own().leaf.get(), authorities, {passphrase}), passphrase) ==
          whole_chain());
    CHECK(chain_of(pfx({passphrase, NID_pbe_WithSHA1And3_Key_TripleDES_CBC}), passphrase) == leaf_alone());
    CHECK(chain_of(pfx({passphrase, -1}), passphrase) == leaf_alone());
    CHECK(chain_of(pfx({""})) == leaf_alone());
    CHECK(chain_of(pfx({nullptr})) == leaf_alone());
}

TEST_CASE("an encrypted PFX file opens with its passphrase alone")
{
    string const file = pfx({passphrase});
    CHECK(fault_of(file, "s3cr3t") == "does not open with this passphrase");
    CHECK(fault_of(file) == "is encrypted and needs a passphrase");
    CHECK(fault_of(pfx({""}), passphrase) == "does not open with this passphrase");
    CHECK(fault_of(pfx({"pass"}), string("pass\0word", 9)) ==
          "does not open with this passphrase: it holds NUL");
}

TEST_CASE("a PFX file without a checksum is read if OpenSSL can; else nothing is said on the passphrase")
{
    for (pfx_form const& form :
         {pfx_form{passphrase, NID_aes_256_cbc, false}, pfx_form{nullptr, -1, false}}) {
        string const said = fault_of(pfx(form), form.passphrase ? form.passphrase : "");
        CAPTURE(said);
        CHECK((said.empty() || said == "cannot be read: mac absent")); // OpenSSL 3.0
    }
}

TEST_CASE("what needs OpenSSL's legacy provider is said to, and read where the provider is")
{
    REQUIRE(OSSL_PROVIDER_available(nullptr, "legacy") == 0); // else this test sees nothing
    string const leaf = pem_of(own().leaf.get());
    strings files;
    {
        legacy_provider const loaded_here;
        for (int const encryption : {NID_pbe_WithSHA1And40BitRC2_CBC, NID_pbe_WithSHA1And128BitRC2_CBC,
                                     NID_pbe_WithSHA1And128BitRC4})
            files.push_back(pfx({passphrase, encryption}));
        files.push_back(leaf + traditional_pem(own().key.get(), passphrase, EVP_des_cbc()));
        for (int const encryption : {NID_pbe_WithSHA1And40BitRC2_CBC, NID_pbeWithMD5AndDES_CBC})
            files.push_back(leaf + written([encryption](BIO* out) {
                                return PEM_write_bio_PKCS8PrivateKey_nid(out, own().key.get(), encryption,
                                                                         passphrase, 18, nullptr, nullptr);
                            }));
        for (string const& file : files) {
            CHECK(chain_of(file, passphrase) == leaf_alone());
            CHECK(fault_of(file, "s3cr3t") == "does not open with this passphrase");
        }
    }
    for (string const& file : files) {
        bool const pem = file.find("-----BEGIN") != string::npos;
        CAPTURE(file.substr(0, pem ? 80 : 0));
        string const said = fault_of(file, passphrase);
        CHECK(said.find(
                  "is encrypted with an algorithm of OpenSSL's legacy provider: convert it with openssl " +
                  string(pem ? "pkey -provider legacy" : "pkcs12 -legacy")) == 0);
    }
    // The checksum needs nothing old, and tells a wrong passphrase before the encryption matters.
    CHECK(fault_of(files[0], "s3cr3t") == "does not open with this passphrase");
    CHECK(fault_of(files[0]) == "is encrypted and needs a passphrase");
}

TEST_CASE("a file that holds no usable pair of key and certificate is refused in words that tell why")
{
    string const key = pem_of(own().key.get());
    string const leaf = pem_of(own().leaf.get());
    key_ptr const ec(EVP_EC_gen("P-256"));
    auto const ec_leaf = client_certificates::self_signed(ec.get(), "ec");
    auto const short_key = client_certificates::rsa_key(1024);
    auto const short_leaf = client_certificates::self_signed(short_key.get(), "short");
    string const two_lines = leaf.substr(0, leaf.find('\n', leaf.find('\n') + 1) + 1);
    class row
    {
    public:
        string bytes;
        string fault;
    };
    for (row const& bad : std::vector<row>{
             {"", "is neither PEM nor PFX (PKCS#12)"},
             {"{\"key\":1}", "is neither PEM nor PFX (PKCS#12)"},
             {junk_der, "is neither PEM nor PFX (PKCS#12)"},
             {pfx({""}).substr(0, 1000), "is neither PEM nor PFX (PKCS#12)"},
             {der_of(own().leaf.get()), "is neither PEM nor PFX (PKCS#12)"},
             {string((1 << 20) + 1, '\n'), "is larger than 1 MiB"},
             {leaf, "has no private key"},
             {pfx_of(nullptr, own().leaf.get(), {}, {""}), "has no private key"},
             {"-----BEGIN \n", "has no private key"},
             {key, "has no certificate"},
             {pfx_of(own().key.get(), nullptr, {}, {""}), "has no certificate"},
             {key + leaf + key, "has more than one private key"},
             {key + leaf + pem_of(own().other_key.get()), "has more than one private key"},
             {pem_of(ec.get()) + pem_of(ec_leaf.get()), "has a private key that is not for RSA"},
             {traditional_pem(ec.get()) + leaf, "has a private key that is not for RSA"},
             {pem_of(short_key.get()) + pem_of(short_leaf.get()), "has a private key of less than 2048 bits"},
             {key + pem_of(own().other.get()) + pem_of(own().root.get()),
              "has a private key that belongs to none of its certificates"},
             {pfx_of(own().key.get(), nullptr, {own().other.get()}, {""}),
              "has a private key that belongs to none of its certificates"},
             {key + leaf + "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
              "has a damaged certificate: "},
             {"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n" + leaf,
              "has an unusable private key: "},
             {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n" + leaf,
              "has a damaged private key: "},
             {key + two_lines, "is damaged: "},
             {key + replaced(leaf, "END CERT", "END OTHER"), "is damaged: bad end line"},
             {key + replaced(leaf, "\nMII", "\nM*I"), "is damaged: "},
         }) {
        INFO(bad.fault);
        string const said = fault_of(bad.bytes, "");
        CAPTURE(said);
        if (bad.fault.ends_with(": "))
            CHECK((said.starts_with(bad.fault) && said.size() > bad.fault.size()));
        else
            CHECK(said == bad.fault);
    }
}

TEST_CASE("a file cut off anywhere, or with a byte changed, is taken as it was or refused, never worse")
{
    for (string const& file :
         {pfx({passphrase}),
          encrypted_pem(own().key.get(), passphrase, EVP_aes_128_cbc()) + pem_of(own().leaf.get())}) {
        for (std::size_t at = 0; at + 1 < file.size(); at += 7) { // the last line's end is not missed
            auto const part = parse_client_certificate(file.substr(0, at), passphrase);
            CHECK_FALSE(static_cast<bool>(part));
            string changed = file;
            changed[at] = static_cast<char>(changed[at] ^ 4);
            auto const got = parse_client_certificate(changed, passphrase);
            if (got)
                CHECK(EVP_PKEY_eq(got.value().key.get(), own().key.get()) == 1);
        }
        CHECK(ERR_peek_error() == 0);
    }
}

TEST_CASE("whether a certificate is valid today is asked of files alone")
{
    for (long const days : {-30, 30}) {
        auto const made = client_certificates::self_signed(own().key.get(), "another day");
        X509_gmtime_adj(X509_getm_notBefore(made.get()), (days - 1) * 86'400);
        X509_gmtime_adj(X509_getm_notAfter(made.get()), (days + 1) * 86'400);
        check_made(X509_sign(made.get(), own().key.get(), EVP_sha256()) != 0);
        CHECK(chain_of(pem_of(made.get()) + pem_of(own().key.get())) == strings{der_of(made.get())});
    }
}

TEST_CASE("a file is read whole, whatever its name says, and named when it cannot be")
{
    scratch_folder const folder;
    auto const chain = [](string const& path) {
        auto const got = load_client_certificate(path, passphrase);
        INFO((got ? string() : got.error().what()));
        REQUIRE(static_cast<bool>(got));
        return got.value().chain;
    };
    string padded = own().pem();
    padded.resize(std::size_t(1) << 20, '\n');
    CHECK(chain(folder.file("client.pfx", own().pem())) == leaf_alone());
    CHECK(chain(folder.file("client.pem", pfx({passphrase}))) == leaf_alone());
    CHECK(chain(folder.file("largest", padded)) == leaf_alone());

    auto const what = [](string const& path) {
        auto const got = load_client_certificate(path, passphrase);
        REQUIRE_FALSE(static_cast<bool>(got));
        CHECK(got.error().code() == hk::errc::invalid_option);
        return string(got.error().what());
    };
    auto const said_of = [](string const& path, string const& fault) {
        return "the client certificate " + path + " " + fault;
    };
    string const missing = folder.path("missing.pem");
    string const large = folder.file("large", padded + "\n");
    string const empty = folder.file("empty", "");
    CHECK(what(missing).ends_with(said_of(missing, "cannot be opened: No such file or directory")));
    CHECK(what(folder.path("")).ends_with(said_of(folder.path(""), "cannot be read: Is a directory")));
    CHECK(what(large).ends_with(said_of(large, "is larger than 1 MiB")));
    CHECK(what(empty).ends_with(said_of(empty, "is neither PEM nor PFX (PKCS#12)")));
    auto const nameless = parse_client_certificate("", "");
    REQUIRE_FALSE(static_cast<bool>(nameless));
    CHECK(
        string(nameless.error().what()).ends_with("the client certificate is neither PEM nor PFX (PKCS#12)"));
}
