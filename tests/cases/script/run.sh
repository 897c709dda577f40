echo "*** Performance stats:"
