"""What whoever runs the service needs: copies, deletion, figures and logs."""
