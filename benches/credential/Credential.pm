# What a mod_perl handler has to do at the least: read the cookies, look at the file, set the variable.
package Credential;

use strict;
use warnings;

use Apache2::Const -compile => 'OK';
use Apache2::RequestRec ();
use Apache2::RequestUtil ();
use APR::Table ();

sub handler {
    my $request = shift;
    my $header = $request->headers_in->get('Cookie') // '';
    my %cookies = map { split /=/, $_, 2 } split /;\s*/, $header;
    if (defined $cookies{MM_SESSION}) {
        my $file = $request->dir_config('Credentials') . '/' . $request->user;
        my $written = (stat $file)[9];
        if (defined $written && -r _ && $written + 12 * 3600 > $request->request_time) {
            $request->subprocess_env(X509_USER_PROXY => $file);
        }
    }
    return Apache2::Const::OK;
}

1;
